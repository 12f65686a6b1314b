/**
 * The whole way of an event, from a worker to its readers, over a model of the log and with a clock of its own:
 * the real publisher, lease, log, hub, subscriptions, encoding and client. A scenario says what goes wrong.
 * Then nothing goes wrong any more, the job is brought to its end, and everybody must get there.
 */
import { vi } from 'vitest';
import type { EventDraft } from '../../../src/contract/event.ts';
import { limits } from '../../../src/contract/limits.ts';
import { EventLog } from '../../../src/store/event-log.ts';
import { checkHistory } from '../../support/history-checker.ts';
import { createJob, outputDraft } from '../../support/job.ts';
import { ApiProcess, retention } from './api-process.ts';
import { pass, settle } from './clock.ts';
import { SimulatedConnection } from './connections.ts';
import { Exchange, type Road } from './exchange.ts';
import { Fates } from './fates.ts';
import { Reader } from './reader.ts';
import type { NewReader, Scenario, Step } from './scenario.ts';
import { Server } from './server.ts';
import { Worker } from './worker.ts';
import { checkLosses, checkStarted } from './worker-checks.ts';

const job = 'job_01jc0000000000000000000000';
const goodRoad: Road = { cutAfterBytes: null, silently: false, pieces: [4096] };
/** Longer than every lease, silence and stall, one after the other. */
const calmMsMax = 300_000;
/** Longer than the pauses after which somebody tries again, shorter than the rounds of the hub. */
const quietMs = 1500;
/** In the first the hub learns where the log is, in two more it suspects the connection, in one more it is sure. */
const healingRounds = 6;

/**
 * What is wrong with how the scenario went; nothing where all promises were kept. What was met on the way
 * is added to `seen`.
 */
export async function simulate(scenario: Scenario, seen: Set<string>): Promise<string[]> {
  const world = new World(scenario, seen);
  try {
    await world.begin(scenario.readers);
    for (const { afterMs, step } of scenario.steps) {
      if (afterMs > 0) await pass(afterMs);
      world.do(step);
      await settle();
    }
    await world.calmDown();
    return [...world.stuck(), ...world.violations()];
  } finally {
    world.end();
    await settle();
    vi.clearAllTimers();
  }
}

class World {
  readonly #server: Server;
  readonly #fates: Fates;
  readonly #roads: Road[];
  readonly #apis: ApiProcess[] = [];
  readonly #formerApis: ApiProcess[] = [];
  readonly #workers: Worker[] = [];
  readonly #readers: Reader[] = [];
  readonly #exchanges: Exchange[] = [];
  #apisMade = 0;
  #requests = 0;
  #said = 0;

  constructor({ fates, roads }: Scenario, seen: Set<string>) {
    this.#server = new Server(job, seen);
    this.#fates = new Fates(fates);
    this.#roads = [...roads];
  }

  async begin(readers: readonly NewReader[]): Promise<void> {
    const first = new SimulatedConnection(this.#server, new Fates([]));
    await createJob(new EventLog(first, retention), { id: job });
    first.close();
    for (let index = 0; index < 2; index += 1) this.#startApi(index);
    this.#offer();
    for (const reader of readers) this.#join(reader);
    await settle();
  }

  do(step: Step): void {
    switch (step.do) {
      case 'say':
        this.#say(step);
        break;
      case 'api says':
        this.#api(step.api).say(this.#draft(10));
        break;
      case 'cancel':
        this.#api(step.api).cancel();
        break;
      case 'fail':
        this.#worker()?.order({ kind: 'fail', dueMs: step.dueMs });
        this.#offer();
        break;
      case 'succeed':
        this.#worker()?.order({ kind: 'succeed' });
        break;
      case 'kill worker':
        this.#worker()?.kill();
        this.#offer();
        break;
      case 'freeze worker': {
        const worker = this.#worker();
        worker?.freeze();
        setTimeout(() => worker?.thaw(), step.ms);
        break;
      }
      case 'rival':
        this.#offer();
        break;
      case 'join':
        this.#join(step.reader);
        break;
      case 'cut reader': {
        const open = this.#exchanges.filter(({ isOpen }) => isOpen);
        open[step.pick % Math.max(1, open.length)]?.breakAfter(step.bytes, step.silently);
        break;
      }
      case 'kill api':
      case 'stop api':
        this.#replaceApi(step.api, step.do === 'stop api');
        break;
      case 'deafen':
        this.#api(step.api).subscriber.deafen();
        break;
      case 'cut subscriber':
        this.#api(step.api).subscriber.lose(step);
        break;
      case 'lag':
        if (step.of === 'commands') this.#api(step.api).connection.lagMs = step.ms;
        else this.#api(step.api).subscriber.lagMs = step.ms;
        break;
      case 'redis':
        if (!this.#server.up) break;
        this.#server.goDown();
        setTimeout(() => this.#server.comeBack(step), step.awayMs);
        break;
    }
  }

  /** Faults stop; whoever has the job brings it to its end, and time goes on until everybody knows. */
  async calmDown(): Promise<void> {
    this.#fates.calm = true;
    this.#roads.length = 0;
    for (const { connection, subscriber } of this.#apis) {
      connection.lagMs = 0;
      subscriber.lagMs = 0;
    }
    for (const worker of this.#workers) worker.thaw();
    await this.#checkPromptness();
    await this.#checkHealing();
    for (let waitedMs = 0; waitedMs < calmMsMax && !this.#isOver(); waitedMs += 1000) {
      if (this.#server.up && this.#server.state?.done !== true) {
        if (this.#alive().length === 0) this.#offer();
        for (const worker of this.#alive()) worker.order({ kind: 'succeed' });
      }
      await pass(1000);
    }
  }

  /** Without a fault, lag or backlog a reader is told of an event when it is stored. */
  async #checkPromptness(): Promise<void> {
    const sinceMs = Date.now();
    await pass(quietMs);
    const { epoch = 0, seq = 0 } = this.#server.state ?? {};
    for (const api of this.#apis)
      for (const complaint of api.late(`${epoch}-${seq}`, sinceMs)) this.#server.complaints.add(complaint);
  }

  /** A connection that hears nothing is made anew, when the job has gone on without it for a while. */
  async #checkHealing(): Promise<void> {
    const isDeaf = (api: ApiProcess) => api.subscriber.isDeaf && api.hasReaders;
    let deaf = this.#apis.filter(isDeaf);
    for (let round = 0; round < healingRounds && deaf.length > 0; round += 1) {
      if (!this.#server.up || this.#server.state?.done !== false) return;
      this.#api(0).say(this.#draft(1));
      await pass(limits.hubCheckMs + 100);
      deaf = deaf.filter(isDeaf);
    }
    for (const { name } of deaf) this.#server.complaints.add(`${name} hears nothing and does not notice.`);
  }

  #isOver(): boolean {
    return this.#server.state?.done === true && this.#readers.every(({ end }) => end !== null);
  }

  stuck(): string[] {
    const job = this.#server.state?.done === true ? [] : ['The job did not come to its end.'];
    return [
      ...job,
      ...this.#readers.flatMap(({ name, end }) => {
        if (end === 'ended') return [];
        return [end === null ? `${name} did not come to its end.` : `${name} gave up: ${end.message}`];
      }),
    ];
  }

  violations(): string[] {
    const connections = [...this.#formerApis, ...this.#apis].flatMap(({ records }) => records);
    const job = this.#server.state;
    return [
      ...this.#server.complaints,
      ...checkHistory({
        appends: [...this.#server.appends.values()],
        logs: this.#server.versions(),
        subscribers: [...this.#readers.map((reader) => reader.record()), ...connections],
      }),
      ...(job === undefined ? [] : [...checkStarted(job), ...checkLosses(job, this.#server.acknowledged)]),
    ];
  }

  end(): void {
    for (const reader of this.#readers) reader.stop();
    for (const worker of this.#workers) worker.kill();
    for (const api of this.#apis) api.kill();
  }

  #alive(): Worker[] {
    return this.#workers.filter(({ isOver }) => !isOver);
  }

  /** One that has started the job, or else the one that was offered it last. */
  #worker(): Worker | undefined {
    const alive = this.#alive();
    return alive.find(({ isWorking }) => isWorking) ?? alive.at(-1);
  }

  #offer(): void {
    const worker = new Worker(`${this.#workers.length + 1}`.padStart(8, '0'), {
      server: this.#server,
      fates: this.#fates,
    });
    this.#workers.push(worker);
    void worker.run();
  }

  #api(index: number): ApiProcess {
    return this.#apis[index % this.#apis.length]!;
  }

  #startApi(index: number): void {
    this.#apisMade += 1;
    this.#apis[index] = new ApiProcess(`api-${this.#apisMade}`, { server: this.#server, fates: this.#fates });
  }

  #replaceApi(index: number, inOrder: boolean): void {
    const api = this.#api(index);
    if (inOrder) api.stop();
    else api.kill();
    this.#formerApis.push(api);
    this.#startApi(index);
  }

  #join({ behind, pauses }: NewReader): void {
    const { epoch = 0, seq = 0 } = this.#server.state ?? {};
    const after = behind === null || seq - behind < 1 ? undefined : `${epoch}-${seq - behind}`;
    const reader = new Reader(`Reader ${this.#readers.length + 1}`, after);
    this.#readers.push(reader);
    void reader.run(job, { fetch: (_address, init) => this.#fetch(init), pauses, seen: this.#server.seen });
  }

  /** The next API process answers, over the next road. */
  #fetch(init: RequestInit | undefined): Promise<Response> {
    const exchange = new Exchange(this.#roads.shift() ?? goodRoad);
    this.#exchanges.push(exchange);
    this.#requests += 1;
    const cursor = new Headers(init?.headers).get('last-event-id');
    const answer = exchange.answer(init?.signal);
    void this.#api(this.#requests).handle(exchange, cursor);
    return answer;
  }

  /** Whoever has the job, or thinks so, says something: at once, or one after the other. */
  #say(step: Extract<Step, { do: 'say' }>): void {
    const { times, everyMs } = step;
    if (everyMs === 0) {
      for (const worker of this.#alive()) worker.order({ kind: 'say', drafts: this.#drafts(step) });
      return;
    }
    for (let index = 0; index < times; index += 1)
      setTimeout(() => this.#say({ ...step, times: 1, everyMs: 0 }), index * everyMs);
  }

  #drafts({ times, length, joined }: Extract<Step, { do: 'say' }>): EventDraft[] {
    return Array.from({ length: times }, (_, index) => this.#draft(length, joined ? 0 : index % 2));
  }

  /** Text of one stream may be joined, and characters take more than one byte. */
  #draft(length: number, stream = 0): EventDraft {
    this.#said += 1;
    const text = `${this.#said}`.padEnd(length, 'ü');
    return stream === 0
      ? outputDraft(text)
      : { type: 'output.delta', data: { stream: 'stderr', offset: 0, text } };
  }
}
