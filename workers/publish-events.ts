import type { EventDraft } from '../src/contract/event.ts';
import type { Job } from '../src/contract/job.ts';
import { limits } from '../src/contract/limits.ts';
import type { ScreenSnapshot } from '../src/contract/screen.ts';
import { coalesce, mayWait, split, weightOf } from '../src/core/coalesce.ts';
import { changesOf } from '../src/core/job-view.ts';
import { payloadOf } from '../src/core/payload.ts';
import { ResendRing } from '../src/core/resend-ring.ts';
import type { EventLog } from '../src/store/event-log.ts';
import type { AppendAnswer, AppendRequest, AttemptIdentity } from '../src/store/ports.ts';
import { isOutcomeUnknown } from '../src/store/redis.ts';

/** How an append that decides something came out. */
export type Landing = 'stored' | 'cancelled' | 'fenced';

export interface PublisherOptions {
  log: EventLog;
  job: string;
  identity: AttemptIdentity;
  /** Redis says that the job was cancelled. May be called more than once. */
  onCancel: () => void;
  /** The attempt has lost its right to speak. Called once; nothing is sent after it. */
  onFenced: () => void;
  /** The resource changed: ring the bell. */
  onChange: (changes: Partial<Job>, cursor: string) => void;
}

/** What the end of an attempt, but not of its job, means. */
export type Closing = Required<Pick<AppendRequest, 'counted' | 'parked' | 'dueMs'>>;

interface Stamped {
  draft: EventDraft;
  at: string;
  /** In its key, in place of its number. */
  name?: string;
}
interface Batch extends Pick<AppendRequest, 'flag' | 'counted' | 'parked' | 'dueMs' | 'place'> {
  drafts: Stamped[];
  bytes: number;
  /** The terminal as it is after the last of the drafts; then there are no more. */
  screen: ScreenSnapshot | null;
  land: (landing: Landing) => void;
}

/**
 * Sends the events of one attempt to its log, in order, each once.
 *
 * One append is in flight; meanwhile the next batch forms, and pieces of the same text grow together.
 * After a pause the first event goes out at once. A lost reply is answered by sending the same numbers
 * again, which the log recognises; a log that came back older is answered from the ring. While Redis is
 * away events wait here, in bounds: the source is to stop while `isFull()`.
 */
export class EventPublisher {
  readonly #options: PublisherOptions;
  readonly #producer: string;
  readonly #ring = new ResendRing<Stamped>({
    keepMs: limits.resendRingMs,
    bytesMax: limits.resendRingBytesMax,
  });
  readonly #stop = new AbortController();
  #waiting: Batch[] = [];
  #unsentBytes = 0;
  #nextPseq = 1;
  /** The runs of Redis, by id, that may have stored what is being sent, though no answer came. */
  readonly #unansweredBy = new Set<string | null>();
  /** The run that was sent to last. */
  #sentTo: string | null = null;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #sending: Promise<void> | null = null;
  #roomWanted: (() => void)[] = [];
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#producer = producerOf(options.identity);
  }

  /** When Redis last acknowledged events of this attempt, by `performance.now()`. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Queues an event; `screen` is how the terminal looks after it, to be kept in the same instant. */
  emit(event: EventDraft, screen: ScreenSnapshot | null = null): void {
    if (this.#stop.signal.aborted) return;
    for (const draft of split(event, limits.eventBytesMax)) this.#queue(draft);
    const last = this.#waiting.at(-1);
    if (last !== undefined && screen !== null) last.screen = screen;
  }

  #queue(draft: EventDraft): void {
    const batch = this.#openBatch();
    const last = batch.drafts.at(-1);
    const joined = last ? coalesce(last.draft, draft, limits.coalesceBytes) : null;
    const before = batch.bytes;
    if (last && joined) {
      batch.bytes += weightOf(joined) - weightOf(last.draft);
      last.draft = joined;
    } else {
      batch.drafts.push({ draft, at: new Date().toISOString() });
      batch.bytes += weightOf(draft);
    }
    this.#unsentBytes += batch.bytes - before;
    this.#sending ??= this.#send();
  }

  /**
   * The attempt starts with this event; must come before anything it does outside. `place` names where the
   * workspace of the job lies.
   */
  start(draft: EventDraft, place?: string): Promise<Landing> {
    return this.#emitWith([draft], { flag: 'start', counted: false, dueMs: 0, place });
  }

  /** Ends the attempt but not the job: the next one may begin after `dueMs` milliseconds. */
  close(drafts: EventDraft[], options: Closing): Promise<Landing> {
    return this.#emitWith(drafts, { flag: 'close', ...options });
  }

  /** Ends the job. */
  final(draft: EventDraft): Promise<Landing> {
    return this.#emitWith([draft], { flag: 'final', counted: false, dueMs: 0 });
  }

  /** More is waiting than should be: pause the source until `room()`. */
  isFull(): boolean {
    return this.#unsentBytes > limits.unsentBytesPause && !this.#stop.signal.aborted;
  }

  /** Settles once the source may go on. */
  async room(): Promise<void> {
    while (this.#unsentBytes > limits.unsentBytesResume && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => this.#roomWanted.push(resolve));
    }
  }

  /** Says nothing more, and lets everyone who waits go. */
  abandon(): void {
    this.#stop.abort();
    for (const batch of this.#waiting.splice(0)) batch.land('fenced');
    this.#wakeSources();
  }

  #openBatch(): Batch {
    const last = this.#waiting.at(-1);
    if (last && mayGrow(last)) return last;
    const batch: Batch = {
      drafts: [],
      bytes: 0,
      flag: 'none',
      counted: false,
      dueMs: 0,
      screen: null,
      land: () => {},
    };
    this.#waiting.push(batch);
    return batch;
  }

  #emitWith(
    drafts: EventDraft[],
    how: Pick<Batch, 'flag' | 'counted' | 'parked' | 'dueMs' | 'place'>,
  ): Promise<Landing> {
    if (this.#stop.signal.aborted) return Promise.resolve('fenced');
    const at = new Date().toISOString();
    return new Promise((land) => {
      // What waits already goes in the same append, so a job's last output costs no extra trip.
      const batch = this.#openBatch();
      batch.drafts.push(...drafts.map((draft) => ({ draft, at })));
      Object.assign(batch, how, { land });
      this.#sending ??= this.#send();
    });
  }

  async #send(): Promise<void> {
    // Leave the caller's turn first, so that what is emitted together is sent together.
    await Promise.resolve();
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#stop.signal.aborted) break;
      await this.#letGrow(next);
      this.#waiting.shift();
      const landing = await this.#deliver(next);
      // What waits is parts of a text behind others; the first of them goes at once.
      if (next.flag === 'none') this.#sentAtMs = performance.now();
      this.#unsentBytes = Math.max(0, this.#unsentBytes - next.bytes);
      next.land(landing);
      if (this.#unsentBytes <= limits.unsentBytesResume) this.#wakeSources();
    }
    this.#sending = null;
  }

  async #letGrow(batch: Batch): Promise<void> {
    const waitMs = limits.coalesceMs - (performance.now() - this.#sentAtMs);
    const urgent = !mayGrow(batch) || batch.bytes >= limits.coalesceBytes;
    if (urgent || waitMs <= 0 || !batch.drafts.every(({ draft }) => mayWait(draft))) return;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }

  async #deliver(batch: Batch): Promise<Landing> {
    const firstPseq = this.#nextPseq;
    this.#nextPseq += batch.drafts.length;
    this.#unansweredBy.clear();
    for (;;) {
      const answer = await this.#append(batch.drafts, { ...batch, firstPseq, resyncLast: null });
      switch (answer.kind) {
        case 'OK':
        case 'DUP':
          this.#noteStored(batch, { firstPseq, answer });
          return 'stored';
        case 'CANCELLED':
          // This run of Redis has never stored it. One before may have, until a rollback took it from readers;
          // otherwise the numbers are free.
          this.#unansweredBy.delete(this.#sentTo);
          if (this.#unansweredBy.size === 0) this.#nextPseq = firstPseq;
          return 'cancelled';
        case 'GAP':
          await this.#resync(answer.last, firstPseq);
          break;
        default:
          if (!this.#stop.signal.aborted) this.#options.onFenced();
          this.abandon();
          return 'fenced';
      }
    }
  }

  /** Redis came back with a log that ends at `last`: send what it lost, and name what no one holds. */
  async #resync(last: number, upTo: number): Promise<void> {
    const held = this.#ring.after(last);
    const firstHeld = held?.firstPseq ?? upTo;
    const drafts = [...(held?.items ?? [])];
    if (firstHeld > last + 1) {
      const [from, to] = [last + 1, firstHeld - 1];
      const key = (pseq: number) => `${this.#options.job}/${this.#producer}/${pseq}`;
      const draft: EventDraft = { type: 'history.lost', data: { from: key(from), to: key(to) } };
      // It takes the number of the last that is lost, and not its key: whoever has had that one must hear of this.
      drafts.unshift({ draft, at: new Date().toISOString(), name: `lost:${from}-${to}` });
    }
    const firstPseq = firstHeld > last + 1 ? firstHeld - 1 : firstHeld;
    const flag = held?.start ? 'start' : 'none';
    const answer = await this.#append(drafts, {
      firstPseq,
      flag,
      counted: false,
      dueMs: 0,
      screen: null,
      resyncLast: last,
    });
    if (answer.kind !== 'OK' && answer.kind !== 'DUP') return;
    this.#ring.renew(last, performance.now());
    if (answer.cancel) this.#options.onCancel();
  }

  async #append(
    drafts: Stamped[],
    request: Omit<AppendRequest, 'producer' | 'identity' | 'changes' | 'items' | 'at'>,
  ): Promise<AppendAnswer> {
    const { log, job, identity } = this.#options;
    const { attempt } = identity;
    const { firstPseq, resyncLast } = request;
    const producer = this.#producer;
    const items = drafts.map(({ draft, at, name }, index) => ({
      type: draft.type,
      payload: payloadOf({ ...draft, job, producer, pseq: name ?? firstPseq + index, attempt, at }),
    }));
    const append = { ...request, producer, identity, items };
    const changes = changesOfAll(drafts, attempt);
    for (;;) {
      if (this.#stop.signal.aborted) return { kind: 'FENCED' };
      try {
        await log.connection.ready(this.#stop.signal);
        this.#sentTo = log.connection.runId();
        return await log.append(job, { ...append, changes, at: new Date().toISOString() });
      } catch (error) {
        if (resyncLast === null && isOutcomeUnknown(error)) this.#unansweredBy.add(this.#sentTo);
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  #noteStored(
    batch: Batch,
    { firstPseq, answer }: { firstPseq: number; answer: AppendAnswer & { kind: 'OK' | 'DUP' } },
  ): void {
    const { drafts: items, bytes } = batch;
    this.#heardAtMs = performance.now();
    this.#ring.add({ firstPseq, items, bytes, start: batch.flag === 'start' }, this.#heardAtMs);
    if (answer.cancel) this.#options.onCancel();
    const changes = changesOfAll(items, this.#options.identity.attempt);
    if (changes.status !== undefined) this.#options.onChange(changes, `${answer.epoch}-${answer.seq}`);
  }

  #wakeSources(): void {
    for (const wake of this.#roomWanted.splice(0)) wake();
  }
}

/**
 * Names an attempt in the keys of its events. Its number alone would not do: a Redis that came back without
 * a takeover gives the number out again, and readers would drop the events of the second as already had.
 */
export function producerOf({ attempt, token }: AttemptIdentity): string {
  return `w${attempt}-${token.slice(0, 8)}`;
}

function mayGrow({ flag, screen, bytes, drafts }: Batch): boolean {
  return flag === 'none' && screen === null && bytes < batchBytesMax && drafts.length < batchEventsMax;
}

const batchBytesMax = 256 * 1024;
const batchEventsMax = 200;
const retryMs = 100;

function changesOfAll(drafts: readonly Stamped[], attempt: number): Partial<Job> {
  return Object.assign({}, ...drafts.map(({ draft, at }) => changesOf({ ...draft, at, attempt })));
}
