import type { Job } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import type { ScreenSnapshot } from '../contract/screen.ts';
import type { Position } from '../core/cursor.ts';
import { isWhole } from '../core/merge.ts';
import { jobKeys } from './keys.ts';
import type {
  Announcement,
  AppendAnswer,
  AppendRequest,
  AttemptIdentity,
  BeginAnswer,
  CancelAnswer,
  ExpireAnswer,
  LogEntry,
  LogPage,
  RenewAnswer,
  StoredScreen,
} from './ports.ts';
import { type LogConnection, loadScript, redisUnavailable, runScript, type Script } from './redis.ts';

export interface Retention {
  /** How much of a job's log is kept, in bytes. */
  keepBytes: number;
  /** How long a job is kept after it ended, in milliseconds. */
  keepMs: number;
}

/** The end of a job that no attempt writes: its payload, and the fields it changes. */
export interface EndRequest {
  /** ISO 8601. */
  at: string;
  ended: string;
  changes: Partial<Job>;
}

/**
 * The log of each job and everything that must change in the same instant as it. Every method is one
 * script, so each of its effects happens whole or not at all, and may be repeated after a lost reply.
 * @throws ioredis errors as they come; `redisProblem` turns them into answers for a client.
 */
export class EventLog {
  readonly connection: LogConnection;
  readonly #retention: Retention;
  readonly #keep: readonly number[];
  readonly #scripts = {
    create: loadScript('create'),
    begin: loadScript('begin'),
    renew: loadScript('renew'),
    append: loadScript('append'),
    cancel: loadScript('cancel'),
    expire: loadScript('expire'),
    read: loadScript('read'),
  };

  constructor(connection: LogConnection, retention: Retention) {
    this.connection = connection;
    this.#retention = retention;
    this.#keep = [retention.keepBytes, limits.logEventsMax];
  }

  /**
   * Makes a job with its first event; answers where its log begins. `extra` are fields beside the
   * resource. Repeating it changes nothing.
   */
  async create(request: {
    job: Omit<Job, 'cursor'>;
    extra: Record<string, string>;
    first: { type: string; payload: string };
  }): Promise<{ kind: 'OK' | 'EXISTS'; epoch: number; seq: number }> {
    const { state, events, announcements } = jobKeys(request.job.id);
    const fields = [...resourceFields(request.job), ...Object.entries(request.extra).flat()];
    const { type, payload } = request.first;
    const reply = await this.#run(
      this.#scripts.create,
      [state, events],
      [runOf(this.connection), announcements, ...this.#keep, fields.length / 2, ...fields, type, payload],
    );
    const [kind, seq, epoch] = reply;
    return { kind: kind === 'EXISTS' ? 'EXISTS' : 'OK', seq: Number(seq), epoch: Number(epoch) };
  }

  /** Asks for the right to run a job; `token` is 128 random bits made for this pickup. */
  async begin(job: string, token: string, at: string): Promise<BeginAnswer> {
    const { state, events, inbox, announcements } = jobKeys(job);
    const reply = await this.#run(
      this.#scripts.begin,
      [state, events, inbox],
      [
        token,
        limits.leaseMs,
        limits.takeoverNoticeMs,
        job,
        at,
        runOf(this.connection),
        announcements,
        ...this.#keep,
      ],
    );
    return readBegin(reply);
  }

  async renew(job: string, { attempt, token }: AttemptIdentity): Promise<RenewAnswer> {
    const reply = await this.#run(
      this.#scripts.renew,
      [jobKeys(job).state],
      [attempt, token, limits.leaseMs],
    );
    const [kind, cancel] = reply;
    return kind === 'OK' ? { kind, cancel: cancel === '1' } : { kind: kind as 'NOJOB' | 'DONE' | 'FENCED' };
  }

  async append(job: string, request: AppendRequest): Promise<AppendAnswer> {
    const { state, events, inbox, announcements } = jobKeys(job);
    const { screen = null, place } = request;
    const fields = resourceFields(request.changes);
    if (place !== undefined) fields.push('place', place);
    if (screen !== null) fields.push('scr', JSON.stringify(screen));
    const reply = await this.#run(
      this.#scripts.append,
      [state, events, inbox],
      [
        request.producer,
        request.identity?.attempt ?? '',
        request.identity?.token ?? '',
        runOf(this.connection),
        request.firstPseq,
        flagsOf(request),
        request.dueMs,
        limits.leaseMs,
        this.#retention.keepMs,
        announcements,
        ...this.#keep,
        job,
        request.at,
        fields.length / 2,
        ...fields,
        ...request.items.flatMap((item) => [item.type, item.payload]),
      ],
    );
    return readAppend(reply);
  }

  /** Asks for the end of a job. `changes` are the fields that `ended` brings, used when nothing runs it. */
  async cancel(job: string, request: EndRequest & { requested: string }): Promise<CancelAnswer> {
    const { state, events, inbox, wake } = jobKeys(job);
    const args = [...this.#endArguments(job, request), request.requested, request.ended, wake];
    const [kind] = await this.#run(this.#scripts.cancel, [state, events, inbox], args);
    return kind as CancelAnswer;
  }

  /** Ends a job that never started within its ttl; answers KEPT where that is not so. */
  async expire(job: string, request: EndRequest): Promise<ExpireAnswer> {
    const { state, events, inbox } = jobKeys(job);
    const args = [...this.#endArguments(job, request), request.ended];
    const [kind] = await this.#run(this.#scripts.expire, [state, events, inbox], args);
    return kind as ExpireAnswer;
  }

  /**
   * Events behind `afterSeq`, `count` and `limits.pageBytesMax` at most, with the state of the log at the
   * same instant; null where there is no such job.
   * @throws ProblemError internal where a part of the log is gone that should be there
   */
  async read(job: string, afterSeq: number, count: number): Promise<LogPage | null> {
    const { state, events } = jobKeys(job);
    const args = [afterSeq, count, limits.pageBytesMax];
    const [epoch, seq, min, done, ...rest] = await this.#run(this.#scripts.read, [state, events], args);
    if (epoch === undefined) return null;
    const head = { epoch: Number(epoch), seq: Number(seq), min: Number(min) };
    const entries = readEntries(rest);
    const seqs = entries.map((entry) => entry.seq);
    if (!isWhole(head, afterSeq, seqs)) throw damagedLog(job);
    return { ...head, done: done === '1', entries };
  }

  /** Where the log ends, and whether for good; null where there is no such job. */
  async head(job: string): Promise<(Position & { done: boolean }) | null> {
    const [epoch, seq, done] = await this.connection.redis.hmget(jobKeys(job).state, 'ep', 'seq', 'done');
    return epoch == null ? null : { epoch: Number(epoch), seq: Number(seq), done: done != null };
  }

  /** A number that no event of the newest attempt that started is before; 1 where none has. */
  async startOf(job: string): Promise<number> {
    return Number((await this.connection.redis.hget(jobKeys(job).state, 'stAt')) ?? 1);
  }

  /** The terminal of the newest attempt as it was kept last; null where it never was, or there is no such job. */
  async screen(job: string): Promise<StoredScreen | null> {
    const { state } = jobKeys(job);
    const [epoch, seq, text] = await this.connection.redis.hmget(state, 'ep', 'scrAt', 'scr');
    if (epoch == null || seq == null || text == null) return null;
    const snapshot: ScreenSnapshot = JSON.parse(text);
    return { ...snapshot, epoch: Number(epoch), seq: Number(seq) };
  }

  /** What every script takes that may end a job which nothing runs. */
  #endArguments(job: string, { at, changes }: EndRequest): (string | number)[] {
    const { announcements } = jobKeys(job);
    const fields = resourceFields(changes);
    const { keepMs } = this.#retention;
    return [
      runOf(this.connection),
      announcements,
      keepMs,
      ...this.#keep,
      job,
      at,
      fields.length / 2,
      ...fields,
    ];
  }

  #run(script: Script, keys: string[], args: (string | number)[]): Promise<string[]> {
    return runScript(this.connection.redis, script, { keys, args });
  }
}

/**
 * Reads what a script published: `<epoch> <first> <done>`, then a line `<type> <payload>` an event. Nobody needs
 * `done`: an end is seen by its event.
 */
export function parseAnnouncement(message: string): Announcement {
  const [header = '', ...lines] = message.split('\n');
  const [epoch, first] = header.split(' ');
  return {
    epoch: Number(epoch),
    entries: lines.map((line, index) => {
      const space = line.indexOf(' ');
      return { seq: Number(first) + index, type: line.slice(0, space), payload: line.slice(space + 1) };
    }),
  };
}

/** Entries as READ answers them: seq, type and payload in turn. */
function readEntries(flat: readonly string[]): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let index = 0; index < flat.length; index += 3) {
    const [seq, type = '', payload = ''] = flat.slice(index, index + 3);
    entries.push({ seq: Number(seq), type, payload });
  }
  return entries;
}

function resourceFields(resource: Partial<Job>): string[] {
  return Object.entries(resource).flatMap(([name, value]) => [name, JSON.stringify(value)]);
}

function flagsOf({ flag, counted, parked = false, screen = null, resyncLast }: AppendRequest): string {
  const flags = flag === 'none' ? [] : [flag as string];
  if (screen !== null) flags.push('screen');
  if (counted) flags.push('counted');
  if (parked) flags.push('parked');
  if (resyncLast !== null) flags.push(`resync=${resyncLast}`);
  return flags.join(',');
}

function readBegin(reply: string[]): BeginAnswer {
  const [kind, first, prev, cancel, used, lost, parks] = reply;
  if (kind === 'BUSY' || kind === 'WAIT') return { kind, ms: Number(first) };
  if (kind !== 'OK') return { kind: kind as 'NOJOB' | 'DONE' | 'EXPIRED' };
  return {
    kind,
    attempt: Number(first),
    prev: prev as 'none' | 'closed' | 'unstarted' | 'started',
    cancel: cancel === '1',
    used: Number(used),
    lost: Number(lost),
    parks: Number(parks),
  };
}

function readAppend(reply: string[]): AppendAnswer {
  const [kind, first, epoch, cancel] = reply;
  if (kind === 'GAP') return { kind, last: Number(first) };
  if (kind === 'OK' || kind === 'DUP') {
    return { kind, seq: Number(first), epoch: Number(epoch), cancel: cancel === '1' };
  }
  return { kind: kind as 'NOJOB' | 'FENCED' | 'CLOSED' | 'CANCELLED' };
}

function damagedLog(job: string): ProblemError {
  return new ProblemError(
    'internal',
    `A part of the log of job ${job} is gone from Redis, which must not evict or change the keys of the service (maxmemory-policy noeviction).`,
  );
}

/** The run id of the server this command goes to; without one nothing may be sent. */
function runOf(connection: LogConnection): string {
  const runId = connection.runId();
  if (runId !== null) return runId;
  throw redisUnavailable();
}
