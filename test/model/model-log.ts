/**
 * The log scripts (`src/store/lua`), told a second time: in memory, in the words of the design rather than
 * of Redis. `conformance.test.ts` holds the two against each other, so what is proved on this is proved of them.
 *
 * `run` takes what EVALSHA takes and answers what the script answers. The clock is the caller's.
 */
import type { LogEntry } from '../../src/store/ports.ts';

export type ScriptName = 'create' | 'begin' | 'renew' | 'append' | 'cancel' | 'expire' | 'read';

/** All that Redis holds of one job. Times are milliseconds. */
export interface ModelJob {
  epoch: number;
  run: string;
  seq: number;
  min: number;
  bytes: number;
  entries: LogEntry[];
  /** Also what was trimmed since: nothing of the model, but a checker wants to know. */
  everything: LogEntry[];
  done: boolean;
  cancel: boolean;
  attempt: number;
  started: number;
  used: number;
  lost: number;
  parks: number;
  owner: string | null;
  lease: number | null;
  /** When a takeover was announced to the owner. */
  mark: number | null;
  due: number | null;
  prev: 'none' | 'closed' | 'unstarted' | 'started' | null;
  ttl: number | null;
  producers: Map<string, number>;
  /** Interactions: `<status> <json>`. */
  questions: Map<string, string>;
  fields: Map<string, string>;
  /** Whether messages wait for the attempt. */
  inbox: boolean;
  expires: boolean;
}

interface Keep {
  bytes: number;
  events: number;
}
interface Item {
  type: string;
  payload: string;
}

export class ModelLog {
  readonly jobs = new Map<string, ModelJob>();
  readonly #nowMs: () => number;
  readonly #publish: (channel: string, message: string) => void;

  constructor(nowMs: () => number, publish: (channel: string, message: string) => void) {
    this.#nowMs = nowMs;
    this.#publish = publish;
  }

  run(name: ScriptName, [state = '']: readonly string[], args: readonly string[]): string[] {
    if (name === 'create') return this.#create(state, args);
    const job = this.jobs.get(state);
    if (job === undefined) return name === 'read' ? [] : ['NOJOB'];
    switch (name) {
      case 'begin':
        return this.#begin(job, args);
      case 'renew':
        return this.#renew(job, args);
      case 'append':
        return this.#append(job, args);
      case 'cancel':
        return this.#cancel(job, args);
      case 'expire':
        return this.#expire(job, args);
      case 'read':
        return read(job, args);
    }
  }

  #create(state: string, args: readonly string[]): string[] {
    const known = this.jobs.get(state);
    if (known !== undefined) return ['EXISTS', `${known.seq}`, `${known.epoch}`];
    const [run = '', channel = '', keepBytes, keepEvents] = args;
    const { fields, rest } = readFields(args.slice(4));
    const ttl = fields.get('ttl');
    const job: ModelJob = {
      ...{ epoch: this.#nowMs(), run, seq: 0, min: 1, bytes: 0, entries: [], everything: [] },
      ...{
        done: false,
        cancel: false,
        attempt: 0,
        started: 0,
        used: 0,
        lost: 0,
        parks: 0,
        inbox: false,
        expires: false,
      },
      ...{ owner: null, lease: null, mark: null, due: null, prev: null },
      ...{ ttl: ttl === undefined ? null : Number(ttl), producers: new Map(), questions: new Map(), fields },
    };
    this.jobs.set(state, job);
    const [type = '', payload = ''] = rest;
    const keep = { bytes: Number(keepBytes), events: Number(keepEvents) };
    this.#add(job, [{ type, payload }], { run, channel, keep });
    return ['OK', `${job.seq}`, `${job.epoch}`];
  }

  #begin(job: ModelJob, args: readonly string[]): string[] {
    const [token = '', leaseMs, noticeMs, id = '', at = '', run = '', channel = '', bytes, events] = args;
    const now = this.#nowMs();
    const cancel = flag(job.cancel);
    if (job.done) return ['DONE'];
    if (job.owner === token)
      return ['OK', `${job.attempt}`, `${job.prev}`, cancel, `${job.used}`, `${job.lost}`, `${job.parks}`];
    if (job.owner !== null) {
      if ((job.lease ?? 0) > now) return ['BUSY', `${(job.lease ?? 0) - now}`];
      job.mark ??= now;
      const left = job.mark + Number(noticeMs) - now;
      if (left > 0) return ['BUSY', `${left}`];
    } else if (job.due !== null && job.due > now) return ['WAIT', `${job.due - now}`];
    if (job.started === 0 && job.ttl !== null && job.ttl <= now && !job.cancel) return ['EXPIRED'];
    if (job.attempt === 0) job.prev = 'none';
    else if (job.owner === null) job.prev = 'closed';
    else if (job.started === job.attempt || job.prev === 'started') job.prev = 'started';
    else job.prev = 'unstarted';
    if (job.prev === 'started' || job.prev === 'unstarted') job.lost += 1;
    const withdrawn = withdraw(job, { id, at });
    const keep = { bytes: Number(bytes), events: Number(events) };
    if (withdrawn.length > 0) this.#add(job, withdrawn, { run, channel, keep });
    job.attempt += 1;
    Object.assign(job, { mark: null, due: null, inbox: false, owner: token, lease: now + Number(leaseMs) });
    return ['OK', `${job.attempt}`, `${job.prev}`, cancel, `${job.used}`, `${job.lost}`, `${job.parks}`];
  }

  #renew(job: ModelJob, [attempt, token, leaseMs]: readonly string[]): string[] {
    if (job.done) return ['DONE'];
    if (`${job.attempt}` !== attempt || job.owner !== token) return ['FENCED'];
    this.#renewLease(job, leaseMs);
    return ['OK', flag(job.cancel)];
  }

  #append(job: ModelJob, args: readonly string[]): string[] {
    const [producer = '', attempt = '', token = '', run = '', first, flagText = ''] = args;
    const [dueMs, leaseMs, , channel = '', keepBytes, keepEvents, id = '', at = ''] = args.slice(6);
    const { fields, rest } = readFields(args.slice(14));
    const flags = new Map(flagText.split(',').map((part) => [part.split('=')[0], part.split('=')[1] ?? '']));
    const isWorker = attempt !== '';
    const firstPseq = Number(first);
    const lastPseq = firstPseq + rest.length / 2 - 1;
    const last = job.producers.get(producer) ?? 0;

    if (lastPseq <= last) return ['DUP', `${job.seq}`, `${job.epoch}`, flag(job.cancel)];
    if (isWorker && (`${job.attempt}` !== attempt || job.owner !== token)) return ['FENCED'];
    if (job.done) return ['CLOSED'];
    if (isWorker && firstPseq > last + 1 && flags.get('resync') !== `${last}`) return ['GAP', `${last}`];
    if (flags.has('start') && job.cancel && !flags.has('resync')) return ['CANCELLED'];

    const ends = flags.has('close') || flags.has('final');
    const items = ends ? withdraw(job, { id, at }) : [];
    for (let pseq = Math.max(firstPseq, last + 1); pseq <= lastPseq; pseq += 1) {
      const index = (pseq - firstPseq) * 2;
      items.push({ type: rest[index] ?? '', payload: rest[index + 1] ?? '' });
    }
    const keep = { bytes: Number(keepBytes), events: Number(keepEvents) };
    this.#add(job, items, { run, channel, keep, force: flags.has('resync'), done: flags.has('final') });
    job.producers.set(producer, lastPseq);
    setFields(job, fields);
    if (isWorker) this.#renewLease(job, leaseMs);
    if (flags.has('start')) {
      job.started = Number(attempt);
      job.fields.set('stAt', `${job.seq - items.length + 1}`);
      for (const name of ['scr', 'scrAt']) job.fields.delete(name);
    }
    if (flags.has('screen')) job.fields.set('scrAt', `${job.seq}`);
    if (flags.has('counted')) job.used += 1;
    if (flags.has('parked')) job.parks += 1;
    if (flags.has('close')) {
      release(job);
      job.due = this.#nowMs() + Number(dueMs);
    }
    if (flags.has('final')) finish(job);
    return ['OK', `${job.seq}`, `${job.epoch}`, flag(job.cancel)];
  }

  #cancel(job: ModelJob, args: readonly string[]): string[] {
    if (job.done) return ['ENDED'];
    const { run, channel, keep, id, at, fields, rest } = readEnd(args);
    const [requested = '', ended = '', wake = ''] = rest;
    const runs = job.owner !== null;
    const items: Item[] = job.cancel ? [] : [{ type: 'cancel.requested', payload: requested }];
    if (!runs) items.unshift(...withdraw(job, { id, at }));
    if (!runs) items.push({ type: 'job.ended', payload: ended });
    if (items.length > 0) this.#add(job, items, { run, channel, keep, done: !runs });
    job.cancel = true;
    if (runs) {
      this.#publish(wake, 'cancel');
      return ['STOPPING'];
    }
    setFields(job, fields);
    finish(job);
    return ['ENDED'];
  }

  #expire(job: ModelJob, args: readonly string[]): string[] {
    if (job.done) return ['ENDED'];
    const now = this.#nowMs();
    const isAlive = job.owner !== null && (job.lease ?? 0) > now;
    if (job.started !== 0 || job.ttl === null || job.ttl > now || isAlive) return ['KEPT'];
    const { run, channel, keep, id, at, fields, rest } = readEnd(args);
    const items = [...withdraw(job, { id, at }), { type: 'job.ended', payload: rest[0] ?? '' }];
    this.#add(job, items, { run, channel, keep, done: true });
    setFields(job, fields);
    finish(job);
    return ['ENDED'];
  }

  #renewLease(job: ModelJob, leaseMs: string | undefined): void {
    job.lease = this.#nowMs() + Number(leaseMs);
    job.mark = null;
  }

  /** Numbers, stores, trims and announces. Another run, or what is to be made good, begins an epoch. */
  #add(
    job: ModelJob,
    items: readonly Item[],
    options: { run: string; channel: string; keep: Keep; force?: boolean; done?: boolean },
  ): void {
    const { run, channel, keep, force = false, done = false } = options;
    if (force || job.run !== run) {
      job.epoch = Math.max(job.epoch + 1, this.#nowMs());
      job.run = run;
    }
    const first = job.seq + 1;
    for (const item of items) {
      job.seq += 1;
      job.bytes += Buffer.byteLength(item.payload);
      const entry = { seq: job.seq, ...item };
      job.entries.push(entry);
      job.everything.push(entry);
    }
    trim(job, keep);
    const lines = items.map(({ type, payload }) => `${type} ${payload}`);
    this.#publish(channel, [`${job.epoch} ${first} ${flag(done)}`, ...lines].join('\n'));
  }
}

/** A job as it is now, for a server that comes back with what it was. */
export function copyOf(job: ModelJob): ModelJob {
  return {
    ...job,
    entries: [...job.entries],
    everything: [...job.everything],
    producers: new Map(job.producers),
    questions: new Map(job.questions),
    fields: new Map(job.fields),
  };
}

/** The tail that is kept is unbroken, and holds the newest event whatever it weighs. */
function trim(job: ModelJob, keep: Keep): void {
  const isWithin = (share: { bytes: number; events: number }) =>
    job.bytes <= Math.floor(keep.bytes * share.bytes) &&
    job.entries.length <= Math.floor(keep.events * share.events);
  if (isWithin({ bytes: 1, events: 1 })) return;
  while (job.min < job.seq && !isWithin({ bytes: 0.9, events: 0.95 })) {
    const oldest = job.entries.shift();
    job.bytes -= Buffer.byteLength(oldest?.payload ?? '');
    job.min += 1;
  }
}

function read(job: ModelJob, [after, countMax, bytesMax]: readonly string[]): string[] {
  const reply = [`${job.epoch}`, `${job.seq}`, `${job.min}`, flag(job.done)];
  let [count, bytes] = [0, 0];
  for (const { seq, type, payload } of job.entries) {
    if (seq <= Number(after)) continue;
    bytes += Buffer.byteLength(payload);
    if (count >= Number(countMax) || (count > 0 && bytes > Number(bytesMax))) break;
    count += 1;
    reply.push(`${seq}`, type, payload);
  }
  return reply;
}

/** Questions end with their attempt, in the order of their ids. Payloads are as long as those of Lua. */
function withdraw(job: ModelJob, { id, at }: { id: string; at: string }): Item[] {
  const open = [...job.questions].filter(([, value]) => value.startsWith('open ')).sort();
  return open.map(([question, value]) => {
    job.questions.set(question, `withdrawn ${value.slice('open '.length)}`);
    const type = 'interaction.resolved';
    const data = { id: question, outcome: 'withdrawn', by: 'service' };
    const event = { key: `${id}/i:${question}/2`, job: id, attempt: job.attempt, type, at, data };
    return { type, payload: JSON.stringify(event).replaceAll('/', '\\/') };
  });
}

function release(job: ModelJob): void {
  Object.assign(job, { owner: null, lease: null, mark: null, inbox: false });
}

function finish(job: ModelJob): void {
  release(job);
  Object.assign(job, { done: true, expires: true });
}

function setFields(job: ModelJob, fields: ReadonlyMap<string, string>): void {
  for (const [name, value] of fields) job.fields.set(name, value);
}

/** `nFields (field value)*` and what follows. */
function readFields(args: readonly string[]): { fields: Map<string, string>; rest: readonly string[] } {
  const count = Number(args[0]);
  const fields = new Map<string, string>();
  for (let index = 0; index < count; index += 1)
    fields.set(args[1 + index * 2] ?? '', args[2 + index * 2] ?? '');
  return { fields, rest: args.slice(1 + count * 2) };
}

/** What both scripts take that may end a job which nothing runs. */
function readEnd(args: readonly string[]) {
  const [run = '', channel = '', , bytes, events, id = '', at = ''] = args;
  return {
    run,
    channel,
    keep: { bytes: Number(bytes), events: Number(events) },
    id,
    at,
    ...readFields(args.slice(7)),
  };
}

function flag(value: boolean): '0' | '1' {
  return value ? '1' : '0';
}
