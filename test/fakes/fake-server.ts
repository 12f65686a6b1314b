import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import type { AnswerScene, Asked, FakeProvider, FakeRequest, RefusalScene, Scene } from './scene.ts';

/** One kind of request that a provider answers, and the bytes of its answers. */
export interface WireFormat {
  /** The paths, without a query, that are asked in this format. */
  path: RegExp;
  /**
   * The events of an answer, with their blank lines: first those that open it, then those of each
   * step, last those that close it. Read as they are sent, so a long answer is never held whole.
   */
  beatsOf(scene: AnswerScene): Iterable<readonly string[]>;
  refusalOf(scene: RefusalScene): WireRefusal;
  read(request: FakeRequest): Asked;
}

export interface WireRefusal {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** All of one provider: the formats it speaks and its list of models. */
export interface ProviderWire {
  /** What its base URL ends in: `/v1`, or nothing. */
  basePath: string;
  formats: readonly WireFormat[];
  /** The path, without a query, of its list of models. */
  modelsPath: RegExp;
  modelListOf(names: readonly string[]): unknown;
}

export interface FakeOptions {
  /** Default: any that is free. */
  port?: number;
  /** The names in the list of models; default: `fake-1`. */
  models?: readonly string[];
  /** The scene for a request that no script tells; default: a refusal with 500. */
  improvise?: (asked: Asked) => Scene;
}

export type RawPlay = (response: ServerResponse) => Promise<void> | void;

export interface ScriptedProvider extends FakeProvider {
  /** A hand-written answer for what no scene tells, whatever the path of its request. */
  scriptRaw(...plays: RawPlay[]): void;
}

interface Stage {
  wire: ProviderWire;
  options: FakeOptions;
  script: (Scene | RawPlay)[];
}

/** A server on loopback that speaks one provider's wire formats and does what its script says. Throws where `port` is taken. */
export async function startFakeServer(
  wire: ProviderWire,
  options: FakeOptions = {},
): Promise<ScriptedProvider> {
  const requests: FakeRequest[] = [];
  const awaiting: ((request: FakeRequest) => void)[] = [];
  const stage: Stage = { wire, options, script: [] };
  const server = createServer(async (incoming, response) => {
    response.socket?.setNoDelay(true);
    if (asksForModels(incoming, wire)) return listModels(response, stage);
    const request = await receive(incoming);
    if (request === undefined) return;
    requests.push(request);
    awaiting.shift()?.(request);
    await play(stage, request, response);
  });
  const origin = await listen(server, options.port ?? 0);
  return {
    baseUrl: `${origin}${wire.basePath}`,
    requests,
    script: (...scenes) => {
      stage.script.push(...scenes);
    },
    scriptRaw: (...plays) => {
      stage.script.push(...plays);
    },
    nextRequest: () => new Promise((resolve) => awaiting.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`;
}

function asksForModels({ method, url = '' }: IncomingMessage, { modelsPath }: ProviderWire): boolean {
  return method === 'GET' && modelsPath.test(pathOf(url));
}

function listModels(response: ServerResponse, { wire, options }: Stage): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(wire.modelListOf(options.models ?? ['fake-1'])));
}

/** Undefined where the client left before its request was whole. */
async function receive(incoming: IncomingMessage): Promise<FakeRequest | undefined> {
  const closed = new Promise<number>((resolve) => {
    incoming.socket.once('close', () => resolve(performance.now()));
  });
  const pieces: Buffer[] = [];
  try {
    for await (const piece of incoming) pieces.push(piece);
  } catch {
    return undefined;
  }
  const { method = '', url: path = '', headers, socket } = incoming;
  const body = parse(Buffer.concat(pieces).toString('utf8'));
  return { method, path, headers, body, closed, sentBytes: () => socket.bytesWritten };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text || 'null');
  } catch {
    return text;
  }
}

async function play(stage: Stage, request: FakeRequest, response: ServerResponse): Promise<void> {
  const next = stage.script.shift();
  if (typeof next === 'function') return next(response);
  const format = stage.wire.formats.find(({ path }) => path.test(pathOf(request.path)));
  if (request.method !== 'POST' || format === undefined) return refuse(response, nothingHere(request));
  const scene = next ?? stage.options.improvise?.(format.read(request)) ?? silence;
  if (scene.kind === 'refusal') return refuse(response, format.refusalOf(scene));
  await answer(response, scene, format.beatsOf(scene));
}

const silence: Scene = { kind: 'refusal', status: 500 };

/** The path of a request without its query. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

function nothingHere({ method, path }: FakeRequest): WireRefusal {
  const message = `This fake answers no ${method} ${pathOf(path)}.`;
  return jsonRefusal({ status: 404, body: { error: { message, code: null, type: 'not_found_error' } } });
}

/** A refusal whose body is JSON. */
export function jsonRefusal({
  status,
  body,
  headers = {},
}: {
  status: number;
  body: unknown;
  headers?: Record<string, string> | undefined;
}): WireRefusal {
  return { status, headers: { 'content-type': 'application/json', ...headers }, text: JSON.stringify(body) };
}

function refuse(response: ServerResponse, { status, headers, text }: WireRefusal): void {
  response.writeHead(status, headers);
  response.end(text);
}

async function answer(
  response: ServerResponse,
  scene: AnswerScene,
  beats: Iterable<readonly string[]>,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...scene.headers });
  response.flushHeaders();
  let beat = 0;
  for (const events of beats) {
    const betweenSteps = beat > 1 && beat <= scene.steps.length;
    if (betweenSteps) await pause(response, scene.pauseMs ?? 0);
    if (response.destroyed) return;
    for (const event of events) await sendEvent(response, event, scene);
    beat += 1;
  }
  await end(response, scene.ending);
}

async function sendEvent(response: ServerResponse, event: string, scene: AnswerScene): Promise<void> {
  const { splitAt, writeBytes } = scene;
  if (splitAt === undefined) return send(response, event, writeBytes);
  const bytes = Buffer.from(event);
  await send(response, bytes.subarray(0, splitAt));
  await breathe();
  await send(response, bytes.subarray(splitAt));
}

async function end(response: ServerResponse, ending: AnswerScene['ending']): Promise<void> {
  if (ending === 'stall') return;
  if (ending !== 'cut') {
    response.end();
    return;
  }
  // What was written must leave before the connection is broken.
  await breathe();
  response.socket?.destroy();
}

/** Writes text, `writeBytes` at a time, each in a packet of its own as far as the kernel allows. */
export async function send(
  response: ServerResponse,
  text: string | Buffer,
  writeBytes?: number,
): Promise<void> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const size = writeBytes ?? bytes.length;
  for (let from = 0; from < bytes.length; from += size) {
    if (response.destroyed) return;
    if (!response.write(bytes.subarray(from, from + size))) {
      await unlessGone(response, (signal) => once(response, 'drain', { signal }));
    }
    if (writeBytes !== undefined) await breathe();
  }
}

async function pause(response: ServerResponse, pauseMs: number): Promise<void> {
  if (pauseMs === 0 || response.destroyed) return;
  await unlessGone(response, (signal) => sleep(pauseMs, undefined, { signal }));
}

/** Waits, but no longer than the client stays. */
async function unlessGone(
  response: ServerResponse,
  wait: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const gone = new AbortController();
  const onClose = () => gone.abort();
  response.once('close', onClose);
  await wait(gone.signal).catch(() => undefined);
  response.off('close', onClose);
}
