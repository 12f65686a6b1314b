import { jobIdPattern } from '../contract/job-id.ts';
import { limits } from '../contract/limits.ts';
import type { Problem, ProblemCode } from '../contract/problem.ts';
import type { Line, Question } from './live-connection.ts';
import { mayHaveArrived, notAccepted, notAJobId, notValid, tooLarge, tooMuchHeld } from './live-problem.ts';
import { ClientProblem } from './problem.ts';

type ToJob = Extract<Question, { op: 'input' | 'resize' | 'cancel' }>;
/** A message to a job before it has its id. */
export type Draft = { [Op in ToJob['op']]: Omit<Extract<ToJob, { op: Op }>, 'msg'> }[ToJob['op']];

interface Held {
  message: ToJob;
  /** Once sent, on whichever connection, it stays as it is: the service knows it by its id. */
  sent: boolean;
  calls: Call[];
  characters: number;
}
interface Call {
  resolve(): void;
  reject(reason: ClientProblem): void;
}
/** Messages of one kind to one job, oldest first. At most the first is on its way. */
type Lane = { held: Held[]; busy: boolean };

/**
 * What was said to jobs and is not acknowledged yet. Each message keeps its id until then, so the service
 * carries it out once however often it is sent.
 *
 * Of one job and kind a message is sent when the one before it was answered: its answer may be lost with
 * the connection, and what came behind it must not be carried out first. Typing that waits is joined
 * meanwhile, and of sizes that wait the last counts, so nothing falls behind on a slow line.
 *
 * A refusal takes along what waits behind it, which makes no sense without it. That the storage is away, or that
 * nobody knows what became of a message, is no refusal: the same message is sent again until that is over.
 */
export class Outbox {
  readonly #nextId: () => string;
  readonly #lanes = new Map<string, Lane>();
  #line: Line | null = null;
  #calls = 0;
  #characters = 0;
  /** Why nothing is taken. */
  #shut: ((job: string) => Problem) | null = null;

  constructor(nextId: () => string) {
    this.#nextId = nextId;
  }

  /** @throws (rejects) {@link ClientProblem} */
  send(draft: Draft): Promise<void> {
    const message: ToJob = { ...draft, msg: this.#nextId() };
    const characters = JSON.stringify(message).length;
    const problem =
      this.#shut?.(message.job) ?? problemOf(message) ?? this.#problemOfRoom(message.job, characters);
    if (problem !== null) return Promise.reject(new ClientProblem(problem));
    return new Promise((resolve, reject) => {
      this.#calls += 1;
      this.#characters += characters;
      const key = `${message.op} ${message.job}`;
      const lane = this.#lanes.get(key) ?? { held: [], busy: false };
      this.#lanes.set(key, lane);
      add(lane, { message, sent: false, calls: [{ resolve, reject }], characters });
      this.#sendNext(key, lane);
    });
  }

  up(line: Line): void {
    this.#line = line;
    for (const [key, lane] of this.#lanes) this.#sendNext(key, lane);
  }

  /** `refused`: the service closed the connection over what was on its way, and would again. */
  down(refused: boolean): void {
    this.#line = null;
    for (const [key, lane] of this.#lanes) {
      if (refused && lane.busy) this.#drop(key, ({ message: { job } }) => notAccepted(job));
      lane.busy = false;
    }
  }

  /** Nothing is held or taken until `open`, for this reason. */
  shut(reason: (job: string) => Problem): void {
    this.#shut = reason;
    this.#line = null;
    for (const key of this.#lanes.keys()) {
      this.#drop(key, ({ sent, message: { job } }) => (sent ? mayHaveArrived(job) : reason(job)));
    }
  }

  open(): void {
    this.#shut = null;
  }

  #sendNext(key: string, lane: Lane): void {
    const line = this.#line;
    const [first] = lane.held;
    if (line === null || lane.busy || first === undefined) return;
    lane.busy = true;
    first.sent = true;
    line.ask(first.message, (problem) => {
      if (problem !== null && passing.includes(problem.code)) {
        line.later(() => {
          lane.busy = false;
          this.#sendNext(key, lane);
        });
      } else if (problem !== null) {
        this.#drop(key, () => problem);
      } else {
        lane.busy = false;
        lane.held.shift();
        if (lane.held.length === 0) this.#lanes.delete(key);
        this.#settle(first, (call) => call.resolve());
        this.#sendNext(key, lane);
      }
    });
  }

  #drop(key: string, why: (held: Held) => Problem): void {
    const { held } = this.#lanes.get(key) ?? { held: [] };
    this.#lanes.delete(key);
    for (const each of held) this.#settle(each, (call) => call.reject(new ClientProblem(why(each))));
  }

  #settle({ calls, characters }: Held, settle: (call: Call) => void): void {
    this.#calls -= calls.length;
    this.#characters -= characters;
    for (const call of calls) settle(call);
  }

  #problemOfRoom(job: string, characters: number): Problem | null {
    const { liveHeldMessagesMax, liveHeldCharactersMax } = limits;
    const isFull =
      this.#calls >= liveHeldMessagesMax || this.#characters + characters > liveHeldCharactersMax;
    return isFull ? tooMuchHeld(job) : null;
  }
}

/** What keys that were typed may wait out: a person cannot type a lost one again where it was. */
const passing: readonly ProblemCode[] = ['outcome_unknown', 'redis_unavailable'];

/** At the end of the lane, or as a part of what waits there. */
function add({ held }: Lane, added: Held): void {
  const last = held.at(-1);
  const joined = last === undefined || last.sent ? null : join(last.message, added.message);
  if (last === undefined || joined === null) {
    held.push(added);
    return;
  }
  last.message = joined;
  last.calls.push(...added.calls);
  last.characters += added.characters;
}

function join(before: ToJob, after: ToJob): ToJob | null {
  if (before.op === 'resize' && after.op === 'resize') return { ...after, msg: before.msg };
  if (before.op !== 'input' || after.op !== 'input') return null;
  if (before.text === undefined || after.text === undefined) return null;
  const text = before.text + after.text;
  return text.length <= limits.liveInputCharactersMax ? { ...before, text } : null;
}

/** What would end the whole connection is not sent. */
function problemOf(message: ToJob): Problem | null {
  const { job } = message;
  if (!new RegExp(jobIdPattern).test(job)) return notAJobId(job);
  if (message.op === 'input' && message.text === '')
    return notValid('There is nothing to send in an empty text.');
  const bytes = new TextEncoder().encode(JSON.stringify(message)).length;
  if (bytes > limits.webSocketMessageBytesMax) return tooLarge(job);
  if (message.op !== 'resize') return null;
  const { columnsMax, rowsMax } = limits;
  const fits = isWithin(message.cols, columnsMax) && isWithin(message.rows, rowsMax);
  return fits ? null : notValid(`A terminal has 1 to ${columnsMax} columns and 1 to ${rowsMax} rows.`);
}

function isWithin(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
