// Running other programs. No dependencies, Node 18 and later.

import { spawn } from 'node:child_process';

const stops = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** This process was told to stop while it waited for another, which has ended. */
export class Interrupted extends Error {
  constructor(signal) {
    super(`Interrupted by ${signal}.`);
    this.signal = signal;
  }
}

/**
 * Starts a program and passes signals on to it. Answers it, and the promise of how it ended and of which signal
 * came meanwhile; that one fails when the program cannot be started.
 */
export function run(program, args, options) {
  let stopped = null;
  const forward = (name) => {
    stopped ??= name;
    child.kill(name);
  };
  // Before the start: a signal in between would end this process alone and leave the other behind.
  for (const name of stops) process.on(name, forward);
  const child = spawn(program, args, options);
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stopped }));
  }).finally(() => {
    for (const name of stops) process.off(name, forward);
  });
  return { child, ended };
}

/**
 * Runs a program without showing what it says. Answers that, and how it failed as the end of a sentence that
 * begins with its name; null when it did not.
 * @throws {Interrupted} when this process was told to stop meanwhile.
 */
export async function runInSilence(program, args, options) {
  const { child, ended } = run(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => parts.push(bytes));
  try {
    const { code, signal, stopped } = await ended;
    if (stopped !== null) throw new Interrupted(stopped);
    return { said: String(Buffer.concat(parts)), fault: code === 0 ? null : `ended with ${signal ?? code}` };
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    return { said: '', fault: `could not be run (${error.message}): is it installed?` };
  }
}
