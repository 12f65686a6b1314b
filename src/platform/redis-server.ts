import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const versionMsMax = 10_000;
/** The first with XADD MINID, which keeps a log at its size; BullMQ asks for the same. */
const versionMin = [6, 2] as const;

/** A program that can be started as a Redis server. */
export interface RedisServer {
  path: string;
  /** What it must be called to be a server: one binary is also the checker of its files. */
  argv0: string;
  /** Folder with the libraries it needs beside the system's. */
  libraryPath: string | null;
  /** How it was found, for people. */
  origin: string;
}

/** The whole environment of a server: nothing of ours is its business. */
export function serverEnvironment(server: RedisServer): Record<string, string> {
  return {
    PATH: '/usr/bin:/bin',
    LC_ALL: 'C',
    ...(server.libraryPath === null ? {} : { LD_LIBRARY_PATH: server.libraryPath }),
  };
}

/**
 * Runs `--version`.
 * @returns null when it is a usable server, else why not: the end of a sentence that begins with its path.
 */
export async function whyUnusable(server: RedisServer, signal: AbortSignal): Promise<string | null> {
  let answer: string;
  try {
    answer = await readVersion(server, AbortSignal.any([signal, AbortSignal.timeout(versionMsMax)]));
  } catch (error) {
    signal.throwIfAborted();
    return `does not run (${error instanceof Error ? error.message : error})`;
  }
  const version = /\bserver v=(\d+)\.(\d+)/i.exec(answer);
  if (version === null) return 'is not a Redis or Valkey server';
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const recent = major > versionMin[0] || (major === versionMin[0] && minor >= versionMin[1]);
  return recent ? null : `is version ${major}.${minor}, older than ${versionMin.join('.')}`;
}

/** execFile has no argv0. */
async function readVersion(server: RedisServer, signal: AbortSignal): Promise<string> {
  const child = spawn(server.path, ['--version'], {
    argv0: server.argv0,
    env: serverEnvironment(server),
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
    killSignal: 'SIGKILL',
  });
  const [answer] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return answer;
}
