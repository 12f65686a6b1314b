import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import type { CommandExit } from '../terminal.ts';

/** What a job's processes used: the largest of them in memory, and the CPU time of all, as far as they were waited for. */
export interface WaiterUsage {
  largestBytes: number | null;
  cpuMs: number;
}

/** What the programs of a chain say over descriptor 3. */
export interface ChainReports {
  /** null once the command runs, else which step failed, or `silent` when nothing came. */
  readonly begun: Promise<ChainFailure | null>;
  /** How the command ended; null when the chain was gone before it could say so. */
  readonly ended: Promise<{ exit: CommandExit; usage: WaiterUsage } | null>;
}

const failures = ['group', 'chain', 'size', 'streams', 'bounds', 'user', 'terminal', 'program'] as const;
export type ChainFailure = (typeof failures)[number] | 'silent';

export function isChainFailure(word: string): word is ChainFailure {
  return word === 'silent' || failures.some((it) => it === word);
}

/** @param chain spawned with a pipe as descriptor 3. Never rejects. */
export function readReports(chain: ChildProcess): ChainReports {
  const begun = Promise.withResolvers<ChainFailure | null>();
  const ended = Promise.withResolvers<Awaited<ChainReports['ended']>>();
  const takeLine = (line: string): void => {
    if (line === 'running') begun.resolve(null);
    const failure = failures.find((it) => line === `failed ${it}`);
    if (failure !== undefined) begun.resolve(failure);
    const end = parseEnd(line);
    if (end !== null) ended.resolve(end);
  };
  const close = (): void => {
    begun.resolve('silent');
    ended.resolve(null);
  };
  const channel = chain.stdio[3];
  if (!(channel instanceof Readable)) {
    close();
    return { begun: begun.promise, ended: ended.promise };
  }
  let carry = '';
  channel.on('data', (bytes: Buffer) => {
    const lines = (carry + bytes.toString('latin1')).split('\n');
    carry = (lines.pop() ?? '').slice(-lineLengthMax);
    for (const line of lines) takeLine(line);
  });
  channel.on('error', close).on('close', close);
  return { begun: begun.promise, ended: ended.promise };
}

/** A process of the job may be able to write there too: only about itself, and never without bound. */
const lineLengthMax = 256;

function parseEnd(line: string): { exit: CommandExit; usage: WaiterUsage } | null {
  const match = /^usage (\d{1,18}) (\d{1,18}) ended (exit|signal) (\d{1,3})$/.exec(line);
  if (match === null) return null;
  const [largest, cpuMs, number] = [Number(match[1]), Number(match[2]), Number(match[4])];
  const exit =
    match[3] === 'exit' ? { exitCode: number, signal: null } : { exitCode: null, signal: signalName(number) };
  return { exit, usage: { largestBytes: largest === 0 ? null : largest, cpuMs } };
}

/** Real-time signals have no names of their own. */
function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `SIG${number}`;
}
