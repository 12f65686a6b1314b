import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../contract/limits.ts';
import { exitCodes, StartError } from './start-error.ts';

/** `silent`: something listens but does not answer in time. `absent`: nobody listens. */
export type RedisState = 'ready' | 'loading' | 'silent' | 'absent';

const answerMs = 1000;
const pollMs = 20;

/** Asks the Redis behind a unix socket whether it is ready. Never throws. */
export function probeRedis(socketPath: string): Promise<RedisState> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (state: RedisState): void => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(answerMs, () => settle('silent'));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (bytes) =>
      settle(bytes.toString('latin1').startsWith('+PONG') ? 'ready' : 'loading'),
    );
    socket.once('error', () => settle('absent'));
    socket.once('close', () => settle('absent'));
  });
}

/**
 * Waits until Redis answers PONG. LOADING is waited out; silence is not.
 * @throws {StartError} when it stays silent for `limits.redisSilentMsMax`, or `isRunning` denies before PONG.
 */
export async function waitForRedis(options: {
  socketPath: string;
  isRunning: () => boolean | Promise<boolean>;
  logFile: string;
  signal: AbortSignal;
}): Promise<void> {
  const { socketPath, isRunning, logFile, signal } = options;
  let heardAt = Date.now();
  for (;;) {
    signal.throwIfAborted();
    const state = await probeRedis(socketPath);
    if (state === 'ready') return;
    if (state === 'loading') heardAt = Date.now();
    if (!(await isRunning()))
      throw new StartError(
        exitCodes.unavailable,
        `The private Redis ended while it started; ${logFile} says why.`,
      );
    if (Date.now() - heardAt > limits.redisSilentMsMax)
      throw new StartError(
        exitCodes.unavailable,
        `The private Redis runs but does not answer at ${socketPath}; ${logFile} may say why. Stop that process, then start again.`,
      );
    await sleep(pollMs, undefined, { signal });
  }
}

/** The process id that the server itself tells; null when it does not. */
export function redisProcessId(socketPath: string): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => socket.write('INFO server\r\n'));
    let heard = '';
    socket.setTimeout(answerMs, () => socket.destroy());
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (/process_id:\d+\r/.test(heard)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const found = /process_id:(\d+)\r/.exec(heard);
      resolve(found === null ? null : Number(found[1]));
    });
  });
}

/** Calls `lost` once, as soon as the server behind the socket goes away. Answers the connection: destroy it to stop. */
export function watchRedis(socketPath: string, lost: () => void): Socket {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  socket.once('close', lost);
  // Nothing is asked, so nothing comes; reading is what makes the end be noticed.
  socket.resume();
  return socket;
}

/** Asks the server to write what it holds and to end. Its going away is the answer. */
export function shutDownRedis(socketPath: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => socket.write('SHUTDOWN NOSAVE\r\n'));
    socket.setTimeout(limits.redisStopMsMax, () => socket.destroy());
    // An answer is a refusal, and there is nothing to do with it here: the caller kills.
    socket.once('data', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
  });
}
