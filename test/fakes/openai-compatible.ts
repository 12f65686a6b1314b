import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as breathe } from 'node:timers/promises';
import type { FakeProvider, FakeRequest, Scene, Step } from './scene.ts';

type Play = (response: ServerResponse) => Promise<void> | void;

export interface FakeOpenAi extends FakeProvider {
  /** A hand-written answer for what no scene tells. */
  scriptRaw(...plays: Play[]): void;
}

/** A server that speaks Chat Completions over real HTTP and does what its script says. */
export async function startFakeOpenAi(): Promise<FakeOpenAi> {
  const requests: FakeRequest[] = [];
  const plays: Play[] = [];
  const awaiting: ((request: FakeRequest) => void)[] = [];
  const server = createServer((incoming, response) => {
    response.socket?.setNoDelay(true);
    void receive(incoming).then(async (request) => {
      requests.push(request);
      awaiting.shift()?.(request);
      const play = plays.shift() ?? refuse({ kind: 'refusal', status: 500 });
      await play(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    requests,
    script: (...scenes) => {
      plays.push(...scenes.map((scene) => (scene.kind === 'answer' ? answer(scene) : refuse(scene))));
    },
    scriptRaw: (...raw) => {
      plays.push(...raw);
    },
    nextRequest: () => new Promise((resolve) => awaiting.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(incoming: IncomingMessage): Promise<FakeRequest> {
  const closed = new Promise<number>((resolve) => {
    incoming.socket.once('close', () => resolve(performance.now()));
  });
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece);
  const body: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8') || 'null');
  const sentBytes = () => incoming.socket.bytesWritten;
  return { path: incoming.url ?? '', headers: incoming.headers, body, closed, sentBytes };
}

function answer(scene: Extract<Scene, { kind: 'answer' }>): Play {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    for (const frame of framesOf(scene)) await send(response, frame, scene.writeBytes);
    if (scene.ending === 'cut') {
      // What was written must leave before the connection is broken.
      await breathe();
      response.socket?.destroy();
    } else if (scene.ending !== 'stall') {
      response.end();
    }
  };
}

/** The frames of a scene, in OpenAI's order: role, deltas, finish reason, usage, `[DONE]`. */
export function framesOf(scene: Extract<Scene, { kind: 'answer' }>): string[] {
  const broken = scene.ending !== undefined && scene.ending !== 'whole';
  const chunks = [
    chunkOf({ delta: { role: 'assistant', content: '' } }),
    ...deltasOf(scene.steps).map((delta) => chunkOf({ delta })),
  ];
  if (scene.ending === 'error') {
    chunks.push({ error: { message: 'The server had an error', type: 'server_error', code: null } });
  }
  if (broken) return chunks.map(frameOf);
  chunks.push(chunkOf({ delta: {}, finish_reason: scene.finish ?? 'stop' }));
  if (scene.usage !== undefined) chunks.push({ ...chunkOf(), usage: usageOf(scene.usage) });
  return [...chunks.map(frameOf), 'data: [DONE]\n\n'];
}

export function frameOf(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** A `chat.completion.chunk`; without a choice, as the one that brings the usage. */
export function chunkOf(choice?: Record<string, unknown>): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1763805600,
    model: 'fake-1-2026',
    choices: choice === undefined ? [] : [{ index: 0, finish_reason: null, logprobs: null, ...choice }],
    usage: null,
  };
}

function deltasOf(steps: readonly Step[]): Record<string, unknown>[] {
  let index = -1;
  return steps.flatMap((step): Record<string, unknown>[] => {
    if ('text' in step) return [{ content: step.text }];
    if ('reasoning' in step) return [{ reasoning_content: step.reasoning }];
    index += 1;
    const { id, name, argumentPieces } = step.toolCall;
    const first = { index, id, type: 'function', function: { name, arguments: '' } };
    const rest = argumentPieces.map((piece) => ({ index, function: { arguments: piece } }));
    return [first, ...rest].map((call) => ({ tool_calls: [call] }));
  });
}

function usageOf(usage: NonNullable<Extract<Scene, { kind: 'answer' }>['usage']>): Record<string, unknown> {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0, audio_tokens: 0 },
  };
}

/** Writes text, `writeBytes` at a time, each in a packet of its own as far as the kernel allows. */
export async function send(response: ServerResponse, text: string, writeBytes?: number): Promise<void> {
  const bytes = Buffer.from(text);
  const size = writeBytes ?? bytes.length;
  const leave = new AbortController();
  const onClose = () => leave.abort();
  response.once('close', onClose);
  for (let from = 0; from < bytes.length; from += size) {
    if (response.destroyed) break;
    if (!response.write(bytes.subarray(from, from + size))) {
      await once(response, 'drain', { signal: leave.signal }).catch(() => undefined);
    }
    if (writeBytes !== undefined) await breathe();
  }
  response.off('close', onClose);
}

function refuse(scene: Extract<Scene, { kind: 'refusal' }>): Play {
  return (response) => {
    response.writeHead(scene.status, { 'content-type': 'application/json', ...scene.headers });
    response.end(JSON.stringify({ error: errorOf(scene) }));
  };
}

function errorOf({ status, about }: Extract<Scene, { kind: 'refusal' }>): Record<string, unknown> {
  switch (about) {
    case 'context':
      return {
        message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      };
    case 'content':
      return { message: 'The prompt was filtered.', type: 'invalid_request_error', code: 'content_filter' };
    case 'model':
      return {
        message: 'The model `fake-9` does not exist or you do not have access to it.',
        type: 'invalid_request_error',
        param: null,
        code: 'model_not_found',
      };
    case 'credit':
      return {
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      };
    default:
      return { message: `Answered ${status}.`, type: 'error', param: null, code: null };
  }
}
