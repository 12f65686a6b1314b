import type { JobEvent } from '../../../src/contract/event.ts';
import { jobKeys } from '../../../src/store/keys.ts';
import type { LogEntry } from '../../../src/store/ports.ts';
import type { AppendRecord, LoggedEvent, LogVersion } from '../../support/history-checker.ts';
import { logVersion } from '../../support/history-checker.ts';
import { ModelCommands } from '../model-commands.ts';
import { copyOf, type ModelJob, ModelLog } from '../model-log.ts';

/** Far more than any scenario needs. */
const commandsMax = 20_000;

/** What hears of a server that goes and comes back. */
export interface ServerLink {
  lose(): void;
}

/**
 * One Redis with one job. It remembers what it was after each command that changed something, since a
 * server that comes back from its disk may have lost the last of them; then it has a new run id.
 */
export class Server {
  readonly job: string;
  /** What was met in the course of it, by name. */
  readonly seen: Set<string>;
  readonly log = new ModelLog(
    () => Date.now(),
    (channel, message) => {
      for (const subscriber of this.#subscribers) subscriber(channel, message);
    },
  );
  readonly commands = new ModelCommands(this.log);
  readonly links = new Set<ServerLink>();
  readonly appends = new Map<string, AppendRecord>();
  /** To which runs of Redis each event was sent, as far as its producer can know. */
  readonly sentTo = new Map<string, Set<string>>();
  /** When each event of a worker was first acknowledged. */
  readonly acknowledged = new Map<string, { atMs: number; bytes: number; type: string }>();
  /** Producers that have heard that they may say no more. */
  readonly fenced = new Set<string>();
  /** What was wrong with what somebody did. */
  readonly complaints = new Set<string>();
  runId = 'run-1';
  up = true;
  #runs = 1;
  #commands = 0;
  #subscribers = new Set<(channel: string, message: string) => void>();
  #past: ModelJob[] = [];
  #versions: LogVersion[] = [];
  #waiting: (() => void)[] = [];

  constructor(job: string, seen: Set<string>) {
    this.job = job;
    this.seen = seen;
  }

  get state(): ModelJob | undefined {
    return this.log.jobs.get(jobKeys(this.job).state);
  }

  /** Carries a command out and notes what the log was before a new epoch began in it. */
  execute<T>(command: () => T): T {
    this.#commands += 1;
    if (this.#commands > commandsMax) throw new TypeError('Somebody asks without end.');
    const job = this.state;
    const before = job === undefined ? null : { ...job, length: job.everything.length };
    const answer = command();
    const after = this.state;
    if (after === undefined) return answer;
    if (before !== null && before.epoch !== after.epoch)
      this.#noteVersion(before, after.everything.slice(0, before.length));
    if (before === null || hasChanged(before, after)) this.#past.push(copyOf(after));
    return answer;
  }

  subscribe(subscriber: (channel: string, message: string) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** Goes away with all connections. */
  goDown(): void {
    this.up = false;
    for (const link of [...this.links]) link.lose();
  }

  /** Comes back as another run, without the newest `lost` changes. */
  comeBack({ lost }: { lost: number }): void {
    this.#runs += 1;
    this.runId = `run-${this.#runs}`;
    const job = this.state;
    const length = Math.max(1, this.#past.length - lost);
    const restored = this.#past[length - 1];
    if (job !== undefined && restored !== undefined && lost > 0) {
      this.#noteVersion(job, [...job.everything]);
      this.#past.length = length;
      this.log.jobs.set(jobKeys(this.job).state, copyOf(restored));
    }
    this.up = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Calls back once there is a server, `ms` later. */
  whenUp(ms: number, then: () => void): void {
    if (this.up) setTimeout(then, ms);
    else this.#waiting.push(() => setTimeout(then, ms));
  }

  /** Every log there was, the last at the end. */
  versions(): LogVersion[] {
    const job = this.state;
    if (job !== undefined) this.#noteVersion(job, job.everything);
    return this.#versions;
  }

  #noteVersion({ epoch, min }: { epoch: number; min: number }, entries: readonly LogEntry[]): void {
    this.#versions.push({ epoch, min, entries: entries.map(loggedEvent) });
  }
}

function hasChanged(before: ModelJob, after: ModelJob): boolean {
  return (
    before.seq !== after.seq ||
    before.owner !== after.owner ||
    before.attempt !== after.attempt ||
    before.mark !== after.mark ||
    before.cancel !== after.cancel ||
    before.lease !== after.lease
  );
}

const logged = new WeakMap<LogEntry, LoggedEvent>();
function loggedEvent(entry: LogEntry): LoggedEvent {
  const known = logged.get(entry);
  if (known !== undefined) return known;
  const event = logVersion({ epoch: 0, min: 0, entries: [entry] }).entries[0]!;
  logged.set(entry, event);
  return event;
}

/** Notes what a producer tried to append, and what it heard, from which run of Redis. */
export function noteAppend(
  { appends, acknowledged, fenced, complaints, seen, sentTo }: Server,
  payloads: readonly string[],
  { answer, runId }: { answer: readonly string[] | null; runId: string | null },
): void {
  const [kind, , epoch] = answer ?? [];
  if (kind !== undefined && payloads.length > 0) seen.add(`append: ${kind}`);
  for (const payload of payloads) {
    const { key, type } = JSON.parse(payload) as JobEvent;
    const before = appends.get(key);
    const producer = key.slice(0, key.lastIndexOf('/'));
    if (kind === 'FENCED') fenced.add(producer);
    else if (kind === undefined && fenced.has(producer)) complaints.add(`${producer} spoke on once fenced.`);
    if (kind === 'OK' || kind === 'DUP') {
      appends.set(key, { key, type, outcome: 'ok', epoch: Number(epoch) });
      const bytes = Buffer.byteLength(payload);
      if (!acknowledged.has(key)) acknowledged.set(key, { atMs: Date.now(), bytes, type });
    } else if (before?.outcome === 'ok') continue;
    else if (kind === 'FENCED' || kind === 'CLOSED') appends.set(key, { key, type, outcome: 'failed' });
    // A start that was refused leaves its numbers free, where no run before may have stored it.
    else if (kind === 'CANCELLED') {
      if ([...(sentTo.get(key) ?? [])].every((each) => each === runId)) appends.delete(key);
    } else if (before === undefined) appends.set(key, { key, type, outcome: 'unknown' });
  }
}
