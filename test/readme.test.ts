import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Llmmixer, startLlmmixer } from './support/llmmixer-process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-readme-'));
let up: Llmmixer;
let address: string;
let keyFile: string;
let key: string;
beforeAll(async () => {
  up = startLlmmixer({ dataDir, environment: { LLMMIXER_DRAIN_MS: '0' } });
  ({ address, keyFile, key } = await up.ready());
});
afterAll(async () => {
  await up.end('SIGTERM');
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
});

/** A line of README as it stands there, but for the places where this run keeps its things. */
const here = (text: string) =>
  text.replaceAll('http://127.0.0.1:4400', address).replaceAll('~/.local/share/llmmixer/api-key', keyFile);
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, body]) => body ?? '',
  );
const shell = (script: string) => execFileSync('sh', ['-ec', script], { encoding: 'utf8', cwd: root });

describe('README', () => {
  it('shows a first job that works when pasted', () => {
    const [submit = '', follow = ''] = blocks('sh').filter((block) => block.includes('curl'));
    const job = JSON.parse(shell(here(submit)));
    expect(job).toMatchObject({ type: 'command', spec: { shell: 'echo hello; sleep 1; echo world' } });
    const stream = shell(
      here(`KEY=$(cat ~/.local/share/llmmixer/api-key)\n${follow.replace('JOB_ID', job.id)}`),
    );
    expect(stream).toMatch(/"text":"hello\\n"[\s\S]*"text":"world\\n"[\s\S]*"status":"succeeded"/);
  });

  it('shows a terminal that works when pasted', async () => {
    const [begin = '', steer = ''] = blocks('sh').filter((block) => block.includes('ask $JOBS'));
    const prelude = `KEY=$(cat ~/.local/share/llmmixer/api-key)\n${begin.slice(0, begin.indexOf('ask $JOBS'))}`;
    const { id } = JSON.parse(shell(here(`KEY=$(cat ~/.local/share/llmmixer/api-key)\n${begin}`)));
    const lines = steer.trim().split('\n');
    const answerOf = (line = '') => shell(here(`${prelude}\n${line.replace('JOB_ID', id)}`));
    const [type, look, read, fetchFile, cancel] = lines;
    await expect.poll(() => JSON.parse(answerOf(look)).text).toMatch(/[$#]/);
    expect(JSON.parse(answerOf(type))).not.toHaveProperty('code');
    await expect.poll(() => JSON.parse(answerOf(look)).text).toMatch(/^hello$/m);
    expect(answerOf(read)).toMatch(/^hello$/m);
    await expect.poll(() => answerOf(fetchFile)).toMatch(/ note$/m);
    expect(JSON.parse(answerOf(cancel))).toMatchObject({ id });
    expect(lines).toHaveLength(5);
  });

  it('has docs/prompts.md show prompts that the service takes', async () => {
    const text = readFileSync(join(root, 'docs/prompts.md'), 'utf8');
    const bodies = [...text.matchAll(/```json\n(\{[\s\S]*?\})\n```/g)].map(([, body]) => body ?? '');
    expect(bodies.length).toBe(5);
    for (const body of bodies) {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const response = await fetch(`${address}/v1/jobs`, { method: 'POST', headers, body });
      expect(`${response.status} ${body.slice(0, 60)}`).toBe(`202 ${body.slice(0, 60)}`);
    }
  });

  it('shows jobs that the service takes', async () => {
    const bodies = [...readme.matchAll(/\| `(\{"type":.*\})` \|/g)].map(([, body]) => body ?? '');
    expect(bodies.length).toBe(6);
    for (const body of bodies) {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const response = await fetch(`${address}/v1/jobs`, { method: 'POST', headers, body });
      expect([body, response.status]).toEqual([body, 202]);
      const { id } = await response.json();
      await fetch(`${address}/v1/jobs/${id}/cancel`, { method: 'POST', headers });
    }
  });

  it('shows a client that works', () => {
    const [snippet = ''] = blocks('ts');
    const script = here(snippet)
      .replaceAll("'./src/", `'${root}src/`)
      .replace(/`[^`]*api-key`/, JSON.stringify(keyFile));
    const text = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
    });
    const lines = text.trim().split('\n');
    expect([lines[0], lines.at(-1)]).toEqual(['job.queued', 'job.ended']);
    expect(lines).toContain('text.delta');
  });
});
