import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SubscriberRecord } from '../support/history-checker.ts';
import { until } from '../support/until.ts';
import type { Stage } from './stage.ts';

/** What a crowd is to do: follow one job, in a process of its own, so that it shares nothing with what it reads. */
export interface CrowdOrder {
  /** Asked in this order, until one answers. */
  baseUrls: readonly string[];
  key: string;
  job: string;
  /**
   * `followers` use the project's own client and resume whatever happens, until the job has ended. `idlers` open a
   * plain connection once and note what comes.
   */
  kind: 'followers' | 'idlers';
  /** Readers by Server-Sent Events. */
  streams: number;
  /** Readers by WebSocket; only idlers. */
  sockets: number;
  /** Followers are recorded on the wire as well, which costs a second look at every byte. */
  wire: boolean;
}

/** Numbers of readers, but for `connections`. */
export interface CrowdState {
  /** Have heard at least one event. */
  hearing: number;
  /** Have heard a sign of life since `listenForLife`. */
  alive: number;
  /** Were told that the service stops: `server.closing`, or 1001 where it is a WebSocket. */
  told: number;
  /** Have come to the end of the job, or of their connection. */
  over: number;
  /** Had the last event of the job. */
  ended: number;
  connections: number;
}

export type CrowdMessage = { state: CrowdState } | { records: SubscriberRecord[] } | { fault: string };

export interface Crowd {
  readonly state: CrowdState;
  readonly pid: number;
  /** Counts signs of life anew. */
  listenForLife(): void;
  /** Waits until this is so of the state. */
  until(holds: (state: CrowdState) => boolean, what: string, withinMs?: number): Promise<void>;
  /** What every reader was given, when all are over; the process ends then. */
  records: Promise<SubscriberRecord[]>;
}

export async function startCrowd(stage: Stage, order: CrowdOrder): Promise<Crowd> {
  const program = fileURLToPath(new URL('./crowd-process.ts', import.meta.url));
  const child = await stage.adopt(
    fork(program, [JSON.stringify(order)], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
    end,
  );
  let state: CrowdState = { hearing: 0, alive: 0, told: 0, over: 0, ended: 0, connections: 0 };
  let fault: string | null = null;
  const records = new Promise<SubscriberRecord[]>((resolve, reject) => {
    const fail = (why: string) => {
      fault = why;
      reject(new Error(why));
    };
    child.on('message', (message: CrowdMessage) => {
      if ('state' in message) state = message.state;
      else if ('records' in message) resolve(message.records);
      else fail(message.fault);
    });
    child.on('exit', (code, signal) => fail(`the readers' process ended with ${signal ?? code}`));
  });
  records.catch(() => {}); // whoever waits for it hears
  return {
    get state() {
      return state;
    },
    pid: child.pid ?? 0,
    listenForLife: () => void child.send('listenForLife'),
    until: async (holds, what, withinMs) => {
      await until(() => fault !== null || holds(state), what, withinMs).catch((error: Error) => {
        throw new Error(`${error.message} ${JSON.stringify(state)}`);
      });
      if (fault !== null) throw new Error(fault);
    },
    records,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
