import type { EventDraft, JobEvent } from '../../../src/contract/event.ts';
import { problem } from '../../../src/contract/problem.ts';
import { EventLog } from '../../../src/store/event-log.ts';
import type { WakeListener } from '../../../src/store/inbox.ts';
import type { AppendAnswer, AppendRequest, BeginAnswer } from '../../../src/store/ports.ts';
import { Ending } from '../../../workers/ending.ts';
import { keepLease } from '../../../workers/keep-lease.ts';
import { EventPublisher, type Landing, type PublisherOptions } from '../../../workers/publish-events.ts';
import { endedDraft, startedDraft } from '../../support/job.ts';
import { retention } from './api-process.ts';
import { SimulatedConnection } from './connections.ts';
import type { Fates } from './fates.ts';
import type { Server } from './server.ts';

const retryMs = 250;
const lostMax = 3;

/** What a worker is told to do with its attempt. */
type Order =
  | { kind: 'say'; drafts: readonly EventDraft[] }
  | { kind: 'fail'; dueMs: number }
  | { kind: 'succeed' };

/** A worker that was offered the job: the real publisher and the real lease around what it is told to say. */
export class Worker {
  readonly #server: Server;
  readonly #job: string;
  readonly #token: string;
  readonly #connection: SimulatedConnection;
  readonly #log: EventLog;
  readonly #ending = new Ending();
  readonly #orders: Order[] = [];
  #ordered = () => {};
  #publisher: EventPublisher | null = null;
  #stopRenewing = () => {};
  #killed = false;
  /** It has started and waits for orders. */
  isWorking = false;
  isOver = false;

  constructor(token: string, { server, fates }: { server: Server; fates: Fates }) {
    this.#server = server;
    this.#job = server.job;
    this.#token = token;
    this.#connection = new SimulatedConnection(server, fates);
    this.#log = new NotedLog(server, this.#connection);
  }

  order(order: Order): void {
    if (order.kind === 'say' && this.#publisher !== null && this.#orders.length === 0 && this.isWorking)
      for (const draft of order.drafts) this.#publisher.emit(draft);
    else this.#orders.push(order);
    this.#ordered();
  }

  async run(): Promise<void> {
    const begun = await this.#begin();
    if (begun !== null) await this.#attempt(begun);
    this.#stopRenewing();
    this.#publisher?.abandon();
    this.isOver = true;
    this.#connection.close();
  }

  freeze(): void {
    this.#connection.freeze();
  }

  thaw(): void {
    this.#connection.thaw();
  }

  kill(): void {
    this.#killed = true;
    this.isOver = true;
    this.#connection.close();
    this.#stopRenewing();
    this.#publisher?.abandon();
    this.#ordered();
  }

  /** Asks until it may run the job, or nobody may any more. */
  async #begin(): Promise<Extract<BeginAnswer, { kind: 'OK' }> | null> {
    while (!this.#killed) {
      let waitMs = retryMs;
      try {
        await this.#connection.ready();
        const answer = await this.#log.begin(this.#job, this.#token, new Date().toISOString());
        if (answer.kind === 'OK') return answer;
        if (answer.kind !== 'BUSY' && answer.kind !== 'WAIT') return null;
        waitMs = answer.ms;
      } catch {
        // Redis is away.
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    return null;
  }

  async #attempt(begun: Extract<BeginAnswer, { kind: 'OK' }>): Promise<void> {
    const identity = { attempt: begun.attempt, token: this.#token };
    const publisher = new HonestPublisher(this.#server, {
      log: this.#log,
      job: this.#job,
      identity,
      onCancel: () => this.#ending.end('cancel'),
      onFenced: () => this.#ending.end('fenced'),
      onChange: () => {},
    });
    this.#publisher = publisher;
    const wake: WakeListener = { listen: () => () => {} };
    this.#stopRenewing = keepLease({ log: this.#log, wake }, this.#job, {
      ...{ identity, ending: this.#ending },
      heardAtMs: () => publisher.heardAtMs,
    });
    this.#ending.signal.addEventListener('abort', () => this.#ordered());
    if (begun.cancel) await publisher.final(endedDraft('cancelled'));
    else if (begun.lost >= lostMax) await publisher.final(endedDraft('failed'));
    else await this.#work(publisher, begun.attempt);
  }

  async #work(publisher: EventPublisher, attempt: number): Promise<void> {
    if (attempt > 1) publisher.emit({ type: 'output.reset', data: { reason: 'again' } });
    const landing = await publisher.start(startedDraft);
    if (landing === 'fenced' || this.#killed) return;
    if (landing === 'cancelled') {
      await publisher.final(endedDraft('cancelled'));
      return;
    }
    this.isWorking = true;
    for (;;) {
      if (this.#ending.cause !== null || this.#killed) break;
      const order = this.#orders.shift();
      if (order?.kind === 'say') for (const draft of order.drafts) publisher.emit(draft);
      else if (order !== undefined) {
        this.isWorking = false;
        await finish(publisher, order);
        return;
      } else
        await new Promise<void>((resolve) => {
          this.#ordered = resolve;
        });
    }
    this.isWorking = false;
    if (this.#ending.cause === 'cancel' && !this.#killed) await publisher.final(endedDraft('cancelled'));
  }
}

/** Notes what is sent to which run of Redis. Whether it got there its producer cannot know. */
class NotedLog extends EventLog {
  readonly #server: Server;

  constructor(server: Server, connection: SimulatedConnection) {
    super(connection, retention);
    this.#server = server;
  }

  override append(job: string, request: AppendRequest): Promise<AppendAnswer> {
    const { sentTo } = this.#server;
    const runId = this.connection.runId();
    for (const { payload } of request.items) {
      const { key } = JSON.parse(payload) as JobEvent;
      if (runId !== null) sentTo.set(key, (sentTo.get(key) ?? new Set()).add(runId));
    }
    return super.append(job, request);
  }
}

/** Complains where the publisher says that something is stored which Redis has not acknowledged. */
class HonestPublisher extends EventPublisher {
  readonly #server: Server;
  readonly #producer: string;

  constructor(server: Server, options: PublisherOptions) {
    super(options);
    this.#server = server;
    this.#producer = `/w${options.identity.attempt}-${options.identity.token}/`;
  }

  override async start(draft: EventDraft): Promise<Landing> {
    return this.#check(await super.start(draft), draft.type);
  }

  override async close(...[drafts, options]: Parameters<EventPublisher['close']>): Promise<Landing> {
    return this.#check(await super.close(drafts, options), 'job.delayed');
  }

  override async final(draft: EventDraft): Promise<Landing> {
    return this.#check(await super.final(draft), draft.type);
  }

  #check(landing: Landing, expected: string): Landing {
    const isStored = [...this.#server.appends.values()].some(
      ({ key, type, outcome }) => outcome === 'ok' && type === expected && key.includes(this.#producer),
    );
    if (landing === 'stored' && !isStored)
      this.#server.complaints.add(`${this.#producer} was told that ${expected} is stored, which is not so.`);
    return landing;
  }
}

function finish(publisher: EventPublisher, order: Exclude<Order, { kind: 'say' }>): Promise<Landing> {
  if (order.kind === 'succeed') return publisher.final(endedDraft());
  const error = problem('internal', 'It failed.');
  const drafts: EventDraft[] = [
    { type: 'attempt.failed', data: { error, retryInMs: order.dueMs } },
    { type: 'job.delayed', data: {} },
  ];
  return publisher.close(drafts, { counted: true, parked: false, dueMs: order.dueMs });
}
