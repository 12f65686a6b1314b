import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { playByName } from './play-by-name.ts';
import { textAt } from './read-asked.ts';
import type { Asked, Scene } from './scene.ts';

const program = fileURLToPath(new URL('serve-fakes.ts', import.meta.url));
const said = 'grüße  to\nyou, 漢字';

/** How one wire format is asked, and where its answer holds text. */
interface Wire {
  name: string;
  variable: string;
  pathOf(model: string): string;
  bodyOf(model: string): unknown;
  textPath: readonly (string | number)[];
}
const messages = [{ role: 'user', content: said }];
const wires: Wire[] = [
  {
    name: 'Messages',
    variable: 'ANTHROPIC_BASE_URL',
    pathOf: () => '/v1/messages',
    bodyOf: (model) => ({ model, max_tokens: 9, messages, stream: true }),
    textPath: ['delta', 'text'],
  },
  {
    name: 'Responses',
    variable: 'OPENAI_BASE_URL',
    pathOf: () => '/responses',
    bodyOf: (model) => ({ model, input: messages, stream: true }),
    textPath: ['delta'],
  },
  {
    name: 'Chat Completions',
    variable: 'OPENAI_BASE_URL',
    pathOf: () => '/chat/completions',
    bodyOf: (model) => ({ model, messages, stream: true }),
    textPath: ['choices', 0, 'delta', 'content'],
  },
  {
    name: 'Gemini',
    variable: 'GEMINI_BASE_URL',
    pathOf: (model) => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
    bodyOf: () => ({ contents: [{ role: 'user', parts: [{ text: said }] }] }),
    textPath: ['candidates', 0, 'content', 'parts', 0, 'text'],
  },
];

describe('The program that stands in for the providers', () => {
  let served: ChildProcess;
  let output = '';
  beforeAll(async () => {
    served = spawn(process.execPath, [program, '--port-base', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      served.once('exit', (code) => reject(new Error(`It ended with ${code}.`)));
      served.stdout?.on('data', (bytes: Buffer) => {
        output += bytes.toString();
        if (output.includes('its name is what happens')) resolve();
      });
    });
  });
  afterAll(async () => {
    const ended = once(served, 'exit');
    served.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  const ask = (wire: Wire, model: string) => {
    const baseUrl = new RegExp(`^export ${wire.variable}=(\\S+)$`, 'm').exec(output)?.[1];
    return fetch(`${baseUrl}${wire.pathOf(model)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(wire.bodyOf(model)),
    });
  };

  it.each(wires)('echoes in $name', async (wire) => {
    const response = await ask(wire, 'echo');
    expect(response.status).toBe(200);
    const pieces = dataOf(await response.text()).map((data) => textAt(data, ...wire.textPath) ?? '');
    expect(pieces.join('')).toBe(said);
    expect(pieces.filter((piece) => piece !== '')).toEqual(['grüße  ', 'to\n', 'you, ', '漢字']);
  });

  it.each(wires)('fails in $name with the status that the model is called by', async (wire) => {
    const response = await ask(wire, 'fail-401');
    expect(response.status).toBe(401);
    expect(textAt(await response.json(), 'error', 'message')).toBe('Answered 401.');
  });
});

describe('A model that is called by what it does', () => {
  const play = (model: string, asked: Partial<Asked> = {}): Scene =>
    playByName({ model, lastUserText: 'Say hi', bringsToolResult: false, ...asked });

  it('echoes under any name that means nothing', () => {
    expect(play('gpt-9')).toEqual(play('echo'));
    expect(play('fail-200')).toEqual(play('echo'));
  });

  it('counts words as tokens', () => {
    expect(play('story-7')).toMatchObject({ usage: { inputTokens: 2, outputTokens: 7 } });
    expect(play('reason')).toMatchObject({
      usage: { inputTokens: 2, outputTokens: 7, reasoningTokens: 5 },
    });
  });

  it('calls the first tool once, and answers its result with text', () => {
    const toolCall = { id: 'call_by_name_1', name: 'now', argumentPieces: ['{}'] };
    expect(play('tools', { firstToolName: 'now' })).toMatchObject({ steps: [{ toolCall }] });
    const after = play('tools', { firstToolName: 'now', bringsToolResult: true });
    expect(after).not.toHaveProperty('finish');
  });

  it('limits for so many seconds', () => {
    expect(play('limit-9')).toEqual({ kind: 'refusal', status: 429, headers: { 'retry-after': '9' } });
  });
});

function dataOf(stream: string): unknown[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line): unknown => JSON.parse(line.slice('data: '.length)))
    .filter((data) => !textAt(data, 'type')?.endsWith('.done'));
}
