/**
 * Decides whether a history of appends, logs and subscribers kept the promise of the event log:
 * each event that Redis keeps is stored once and reaches each subscriber once, in order, or the subscriber
 * is told exactly what is missing. Pure: a record goes in, sentences about every violation come out.
 *
 * What is not known is not judged: an epoch without a `LogVersion` may hold anything at its places, but no
 * place may ever be seen to hold two different events.
 */
import type { JobEvent } from '../../src/contract/event.ts';
import type { ControlFrame } from '../../src/contract/stream.ts';
import { parseCursor } from '../../src/core/cursor.ts';
import type { LogPage } from '../../src/store/ports.ts';

/** One event that somebody tried to append. */
export interface AppendRecord {
  /** `<job>/<producer>/<number>`, the idempotency key; a `history.lost` has `lost:<first>-<last>` for a number. */
  key: string;
  type: string;
  /** `ok`: acknowledged. `failed`: refused for good. `unknown`: the producer never heard, or died before. */
  outcome: 'ok' | 'failed' | 'unknown';
  /** The epoch that the acknowledgement named, where it is known. */
  epoch?: number;
}

export interface LoggedEvent {
  seq: number;
  key: string;
  type: string;
  attempt: number | null;
  /** What it says, where that is known: two events of one key say the same. */
  content?: string;
  /** Of a `history.lost`: the keys it names. */
  lost?: { from: string; to: string };
}

/** The log at one time. `entries` may begin before `min`, where it is known what was trimmed since. */
export interface LogVersion {
  epoch: number;
  /** Oldest event that is kept. */
  min: number;
  entries: readonly LoggedEvent[];
}

/** What a subscriber was given, or told. */
export type Given =
  | { kind: 'event'; id: string; key: string; type: string; attempt: number | null; content?: string }
  | { kind: 'truncated'; from: string; to: string }
  | { kind: 'reset'; epoch: number };

export interface SubscriberRecord {
  name: string;
  /**
   * `client`: keys that it has had were dropped for it, so after a reset it is given only what is new.
   * `wire`: everything that came over its connections, one behind the other, each resumed behind the last id.
   */
  view: 'client' | 'wire';
  /** The cursor it began behind. */
  after?: string;
  given: readonly Given[];
  /** It had the time and the connection to reach the end of the log: it must have got there. */
  complete: boolean;
}

export interface History {
  appends: readonly AppendRecord[];
  /** Every version that is known, oldest first; the last is the final log. */
  logs: readonly LogVersion[];
  subscribers: readonly SubscriberRecord[];
}

/** Every violation, as a sentence; none for a good history. */
export function checkHistory(history: History): string[] {
  const known = learn(history);
  const final = history.logs.at(-1);
  return [
    ...known.conflicts,
    ...history.logs.flatMap(checkLog),
    ...checkAppends(history),
    ...checkNamed(history),
    ...history.subscribers.flatMap((subscriber) => new SubscriberCheck(subscriber, { known, final }).run()),
  ];
}

/** A page of a log, or a whole one read in pages, as a version. */
export function logVersion({ epoch, min, entries }: Pick<LogPage, 'epoch' | 'min' | 'entries'>): LogVersion {
  return {
    epoch,
    min,
    entries: entries.map(({ seq, type, payload }) => {
      const event = JSON.parse(payload) as JobEvent;
      const { key, attempt } = event;
      const lost = event.type === 'history.lost' ? { lost: event.data } : {};
      return { seq, key, type, attempt, content: contentOf(event), ...lost };
    }),
  };
}

/** An event as a subscriber was given it. */
export function givenEvent(event: JobEvent): Given {
  const { id, key, type, attempt } = event;
  return { kind: 'event', id, key, type, attempt, content: contentOf(event) };
}

/** A control frame as a subscriber was given it; null for those that say nothing about its position. */
export function givenControl(frame: ControlFrame): Given | null {
  switch (frame.type) {
    case 'history.truncated':
      return { kind: 'truncated', from: frame.data.from, to: frame.data.to };
    case 'history.reset':
      return { kind: 'reset', epoch: frame.data.epoch };
    default:
      return null;
  }
}

/** A loss that was itself lost is named again, at another time. */
function contentOf({ type, at, data }: Pick<JobEvent, 'type' | 'at' | 'data'>): string {
  return `${type} ${type === 'history.lost' ? '' : at} ${JSON.stringify(data)}`;
}

interface Known {
  /** What is, or was, at each place, by its cursor. */
  places: ReadonlyMap<string, string>;
  /** Places that a log held. */
  stored: ReadonlySet<string>;
  /** Epochs of which a log is known, with the oldest event kept when most had been trimmed. */
  epochs: ReadonlyMap<number, number>;
  /** Places where a log has ended. */
  ends: ReadonlySet<string>;
  /** Keys that may be in a log. */
  appended: ReadonlySet<string>;
}

function learn({ appends, logs, subscribers }: History): Known & { conflicts: string[] } {
  const places = new Map<string, string>();
  const conflicts = new Set<string>();
  const learnPlace = (id: string, key: string) => {
    const before = places.get(id);
    if (before === undefined) places.set(id, key);
    else if (before !== key) conflicts.add(`The place ${id} held both ${before} and ${key}.`);
  };
  const contents = new Map<string, string>();
  const learnContent = ({ key, content }: { key: string; content?: string }) => {
    if (content === undefined || !isNumbered(key)) return;
    const before = contents.get(key);
    if (before === undefined) contents.set(key, content);
    else if (before !== content) conflicts.add(`${key} is the key of two events: ${before}, and ${content}.`);
  };
  for (const { epoch, entries } of logs) {
    for (const entry of entries) {
      learnPlace(`${epoch}-${entry.seq}`, entry.key);
      learnContent(entry);
    }
  }
  const stored = new Set(places.keys());
  const ends = new Set(
    logs.flatMap(({ epoch, entries }) =>
      entries.flatMap(({ seq, type }) => (type === 'job.ended' ? [`${epoch}-${seq}`] : [])),
    ),
  );
  const epochs = new Map<number, number>();
  for (const { epoch, min } of logs) epochs.set(epoch, Math.max(min, epochs.get(epoch) ?? 0));
  for (const { given } of subscribers) {
    for (const each of given) {
      if (each.kind !== 'event') continue;
      learnPlace(each.id, each.key);
      learnContent(each);
    }
  }
  return {
    places,
    stored,
    ends,
    epochs,
    appended: new Set(appends.flatMap(({ key, outcome }) => (outcome === 'failed' ? [] : [key]))),
    conflicts: [...conflicts],
  };
}

/** What must be true of a log by itself. */
function checkLog({ epoch, min, entries }: LogVersion): string[] {
  const violations: string[] = [];
  const keys = new Set<string>();
  const producers = new Map<string, number>();
  const [first] = entries;
  let attempt = 0;
  if (first !== undefined && first.seq > min)
    violations.push(`The log of epoch ${epoch} begins at ${first.seq}, behind its oldest, ${min}.`);
  for (const [index, entry] of entries.entries()) {
    const { seq, key, type } = entry;
    const where = `at ${epoch}-${seq}`;
    const before = entries[index - 1];
    if (before !== undefined && seq !== before.seq + 1)
      violations.push(`The log of epoch ${epoch} has a hole between ${before.seq} and ${seq}.`);
    if (keys.has(key)) violations.push(`${key} is stored twice, again ${where}.`);
    keys.add(key);
    if (type === 'job.ended' && index < entries.length - 1)
      violations.push(`Something is stored behind the job.ended ${where}.`);
    if (entry.attempt !== null && entry.attempt < attempt)
      violations.push(
        `${key} ${where} is of attempt ${entry.attempt}, behind an event of attempt ${attempt}.`,
      );
    attempt = Math.max(attempt, entry.attempt ?? 0);
    const complaint = checkOrder(producers, entry, first?.seq === 1);
    if (complaint !== null) violations.push(`${complaint} ${where} of the log.`);
  }
  return violations;
}

/**
 * A producer's numbers rise; those of an attempt without a hole but where `history.lost` names it, and
 * from 1 where the log is known from its start.
 */
function checkOrder(
  producers: Map<string, number>,
  { key, lost }: LoggedEvent,
  knownFromStart: boolean,
): string | null {
  const { producer, number } = partsOf(key);
  const last = producers.get(producer) ?? (knownFromStart ? 0 : null);
  producers.set(producer, Math.max(number, last ?? 0));
  if (last === null) return null;
  if (number <= last) return `${key} stands behind number ${last} of its producer`;
  if (!isAttempt(producer) || number === last + 1) return null;
  const named = lost === undefined ? null : { from: partsOf(lost.from), to: partsOf(lost.to) };
  const whole =
    named?.from.producer === producer && named.from.number === last + 1 && named.to.number === number;
  return whole ? null : `${producer} lacks its numbers ${last + 1} to ${number - 1} and nothing says so`;
}

/** What was acknowledged is there, or it is told why not; what was refused is not. */
function checkAppends({ appends, logs }: History): string[] {
  const final = logs.at(-1);
  if (final === undefined) return [];
  const keys = new Set(final.entries.map(({ key }) => key));
  const lost = final.entries.flatMap((entry) => entry.lost ?? []);
  const isNamed = (key: string) => lost.some(({ from, to }) => isBetween(key, from, to));
  const oldest = firstNumbers(final);
  const wasTrimmed = (key: string) => {
    if ((final.entries[0]?.seq ?? final.min) === 1) return false;
    const { producer, number } = partsOf(key);
    const first = oldest.get(producer);
    return first === undefined || number < first;
  };
  const isOfEarlier = (epoch: number | undefined) =>
    epoch === undefined ? logs.some((log) => log.epoch < final.epoch) : epoch < final.epoch;
  return appends.flatMap(({ key, outcome, epoch }) => {
    if (outcome === 'failed' && keys.has(key)) return [`${key} was refused and is stored.`];
    if (outcome !== 'ok' || keys.has(key) || isNamed(key) || isOfEarlier(epoch) || wasTrimmed(key)) return [];
    return [`${key} was acknowledged${epoch === undefined ? '' : ` in epoch ${epoch}`} and is gone.`];
  });
}

/** What is named as lost was there, or may have been: nobody is told of a loss where nothing was lost. */
function checkNamed({ appends, logs, subscribers }: History): string[] {
  const entries = logs.flatMap((log) => log.entries);
  const given = subscribers.flatMap((each) => each.given.filter(({ kind }) => kind === 'event'));
  const mayHaveBeen = new Set(
    [...appends.filter(({ outcome }) => outcome !== 'failed'), ...entries, ...given].flatMap((each) =>
      'key' in each && each.type !== 'history.lost' ? each.key : [],
    ),
  );
  const told = new Set<string>();
  for (const { lost } of entries) {
    if (lost === undefined || [...mayHaveBeen].some((key) => isBetween(key, lost.from, lost.to))) continue;
    told.add(`${lost.from} to ${lost.to} are named as lost, and no log ever held any of them.`);
  }
  return [...told];
}

/** Walks through what one subscriber was given. */
class SubscriberCheck {
  readonly #subscriber: SubscriberRecord;
  readonly #known: Known;
  readonly #final: LogVersion | undefined;
  readonly #violations: string[] = [];
  /** The last event it was given; seq 0 before the first, and epoch null before anything is known of it. */
  #at: { epoch: number | null; seq: number };
  /** Everything up to here was named as missing. */
  #toldTo = 0;
  #attempt = 0;
  readonly #keys = new Set<string>();
  readonly #producers = new Map<string, number>();
  /** What is before its cursor or was named as missing: after a reset it may come, behind what followed it. */
  readonly #forgone = new Set<string>();
  #ended = false;

  constructor(
    subscriber: SubscriberRecord,
    { known, final }: { known: Known; final: LogVersion | undefined },
  ) {
    this.#subscriber = subscriber;
    this.#known = known;
    this.#final = final;
    const after = subscriber.after === undefined ? null : parseCursor(subscriber.after);
    this.#at = after ?? { epoch: null, seq: 0 };
    if (after !== null) this.#forgo(after.epoch, { from: 1, to: after.seq });
  }

  run(): string[] {
    for (const given of this.#subscriber.given) {
      if (this.#ended) this.#complain(`was given something behind job.ended: ${describe(given)}`);
      if (given.kind === 'event') this.#take(given);
      else if (given.kind === 'truncated') this.#skip(given);
      else this.#begin(given.epoch);
    }
    if (this.#subscriber.complete && !this.#ended) this.#checkEnd();
    return this.#violations;
  }

  #take({ id, key, type, attempt }: Extract<Given, { kind: 'event' }>): void {
    const at = parseCursor(id);
    if (at === null) {
      this.#complain(`was given the id "${id}", which is no cursor`);
      return;
    }
    this.#enter(at.epoch, id);
    // Where nothing is known of the epoch, somebody must at least have tried to append it.
    const isKnown =
      this.#known.stored.has(id) || (!this.#known.epochs.has(at.epoch) && this.#known.appended.has(key));
    if (!isKnown) this.#complain(`was given ${key} as ${id}, which no log holds`);
    if (this.#keys.has(key)) this.#complain(`was given ${key} twice, again as ${id}`);
    this.#checkOrder(id, key);
    if (attempt !== null && attempt < this.#attempt)
      this.#complain(`was given ${id} of attempt ${attempt} behind an event of attempt ${this.#attempt}`);
    // A rollback may bring back what was named as missing, for who resumes behind its last event.
    if (at.seq === this.#at.seq + 1) this.#toldTo = 0;
    const had = Math.max(this.#at.seq, this.#toldTo);
    if (at.seq <= had) this.#complain(`was given ${id} behind ${at.epoch}-${had}`);
    this.#checkLeftOut(at.epoch, { from: had + 1, to: at.seq - 1 });
    this.#keys.add(key);
    this.#attempt = Math.max(this.#attempt, attempt ?? 0);
    this.#at = at;
    this.#ended = type === 'job.ended';
  }

  /** Who has had nothing of an epoch may find another one when it begins again from the start. */
  #enter(epoch: number, what: string): void {
    const { epoch: before, seq } = this.#at;
    if (before === epoch) return;
    if (before !== null && seq > 0)
      this.#complain(`was told of ${what}, of another epoch than ${before}, without a reset`);
    this.#at = { epoch, seq: 0 };
    this.#toldTo = 0;
  }

  #checkOrder(id: string, key: string): void {
    // A loss is heard of also by who has had what is lost, and more.
    if (this.#forgone.has(key) || isLossNotice(key)) return;
    const { producer, number } = partsOf(key);
    const last = this.#producers.get(producer) ?? 0;
    if (number < last) this.#complain(`was given ${key} as ${id}, behind number ${last} of its producer`);
    this.#producers.set(producer, Math.max(number, last));
  }

  /** Only what the subscriber has had under another id may be left out, and only where it is so filtered. */
  #checkLeftOut(epoch: number, { from, to }: { from: number; to: number }): void {
    for (let seq = from; seq <= to; seq += 1) {
      const key = this.#known.places.get(`${epoch}-${seq}`);
      if (this.#subscriber.view === 'client' && (key === undefined || this.#keys.has(key))) continue;
      this.#complain(
        `was never given ${epoch}-${seq}${key === undefined ? '' : ` (${key})`} and not told so`,
      );
    }
  }

  /** A notice may come again, when the connection broke before an event moved the cursor. */
  #skip({ from, to }: Extract<Given, { kind: 'truncated' }>): void {
    const [first, last] = [parseCursor(from), parseCursor(to)];
    if (first === null || last === null || first.epoch !== last.epoch || first.seq > last.seq) {
      this.#complain(`was told of a range that is none: ${from} to ${to}`);
      return;
    }
    this.#enter(first.epoch, from);
    const { seq } = this.#at;
    if (first.seq <= seq)
      this.#complain(`was told that ${from} is gone, though it has had ${first.epoch}-${seq}`);
    this.#checkLeftOut(first.epoch, { from: Math.max(seq, this.#toldTo) + 1, to: first.seq - 1 });
    const min = this.#known.epochs.get(first.epoch);
    if (min !== undefined && last.seq >= min)
      this.#complain(`was told that ${to} is gone, but the log keeps all from ${first.epoch}-${min}`);
    this.#forgo(first.epoch, { from: first.seq, to: last.seq });
    // Told anew from its place, it may be told less: a rollback brings back some of what was gone.
    this.#toldTo = first.seq === seq + 1 ? last.seq : Math.max(this.#toldTo, last.seq);
  }

  #forgo(epoch: number, { from, to }: { from: number; to: number }): void {
    for (let seq = from; seq <= to; seq += 1) {
      const key = this.#known.places.get(`${epoch}-${seq}`);
      if (key !== undefined) this.#forgone.add(key);
    }
  }

  #begin(epoch: number): void {
    this.#at = { epoch, seq: 0 };
    this.#toldTo = 0;
    this.#attempt = 0;
    if (this.#subscriber.view === 'client') return;
    this.#keys.clear();
    this.#producers.clear();
  }

  #checkEnd(): void {
    // Who begins behind the end has nothing to wait for, though a rollback may take the end away.
    if (this.#final === undefined || this.#known.ends.has(this.#subscriber.after ?? '')) return;
    const { epoch, entries } = this.#final;
    if (this.#at.epoch !== null && this.#at.epoch !== epoch) {
      this.#complain(`stopped in epoch ${this.#at.epoch}; the log is in epoch ${epoch}`);
      return;
    }
    const had = Math.max(this.#at.seq, this.#toldTo);
    const next = entries.find(({ seq, key }) => seq > had && !this.#keys.has(key));
    if (next !== undefined) this.#complain(`never got as far as ${epoch}-${next.seq} (${next.key})`);
  }

  #complain(what: string): void {
    this.#violations.push(`${this.#subscriber.name} ${what}.`);
  }
}

function describe(given: Given): string {
  return given.kind === 'event' ? `${given.type} ${given.id}` : `a notice (${given.kind})`;
}

/** A `history.lost` stands where the last that it names stood. */
function partsOf(key: string): { producer: string; number: number } {
  const slash = key.lastIndexOf('/');
  return { producer: key.slice(0, slash), number: Number(key.slice(slash + 1).replace(/^lost:\d+-/, '')) };
}

function isLossNotice(key: string): boolean {
  return /\/lost:\d+-\d+$/.test(key);
}

/** What is asked of a job once (its cancel, its expiry) has one key, whoever asks again. */
function isNumbered(key: string): boolean {
  return /\/(w\d|a:)[^/]*\/(lost:\d+-)?\d+$/.test(key);
}

/** Attempts of workers leave no hole in their numbers; an API process may, when a rollback took its event. */
function isAttempt(producer: string): boolean {
  return /\/w\d+[^/]*$/.test(producer);
}

function isBetween(key: string, from: string, to: string): boolean {
  const [at, first, last] = [partsOf(key), partsOf(from), partsOf(to)];
  return at.producer === first.producer && at.number >= first.number && at.number <= last.number;
}

function firstNumbers({ entries }: LogVersion): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { key } of entries) {
    const { producer, number } = partsOf(key);
    if (!first.has(producer)) first.set(producer, number);
  }
  return first;
}
