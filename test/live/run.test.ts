import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startFakeAnthropic } from '../fakes/anthropic.ts';

const program = fileURLToPath(new URL('run.ts', import.meta.url));
const run = (env: Record<string, string>) =>
  promisify(execFile)(process.execPath, [program], { env }).catch(
    (error: { stdout: string; code: number }) => error,
  );

describe('The live calls', () => {
  it('say which providers they skip for want of a key', async () => {
    const { stdout } = await run({});
    expect(stdout.trim().split('\n')).toEqual([
      'anthropic: SKIPPED, NOT TESTED: ANTHROPIC_API_KEY is not set',
      'openai: SKIPPED, NOT TESTED: OPENAI_API_KEY is not set',
      'gemini: SKIPPED, NOT TESTED: GEMINI_API_KEY is not set',
    ]);
  });

  it('tell what passed and what failed with a key', async () => {
    const fake = await startFakeAnthropic();
    const usage = { inputTokens: 1, outputTokens: 1 };
    fake.script({ kind: 'answer', steps: [{ text: 'Grüße' }], usage }, { kind: 'answer', steps: [], usage });
    const env = { ANTHROPIC_API_KEY: 'sk-live', ANTHROPIC_BASE_URL: fake.baseUrl, LIVE_ANTHROPIC_MODEL: 'm' };
    const result = await run(env);
    await fake.close();
    expect(result.stdout).toContain(
      'anthropic/m: text passed\nanthropic/m: usage passed\nanthropic/m: tools FAILED',
    );
    expect(result).toMatchObject({ code: 1 });
  });
});
