import { limits } from '../../contract/limits.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { assertNever } from '../../core/assert-never.ts';
import { formatCursor, type Position } from '../../core/cursor.ts';
import { decideDelivery, decideStart } from '../../core/merge.ts';
import type { Frames } from './frames.ts';
import type { Gate } from './gate.ts';
import type { Arrival, Hub, HubListener } from './hub.ts';
import type { FramedPage, JobReader } from './job-reader.ts';
import { keepsUp, type Outlet } from './keeps-up.ts';
import type { Notice } from './notice.ts';
import { untilRedisAnswers } from './until-redis-answers.ts';

/** Where the frames of a subscriber go: an SSE response or a WebSocket. */
export interface Sink extends Outlet {
  /** Subscriptions that share the sink take turns at filling it: one page each, then the next. Absent for one alone. */
  readonly turns?: Gate;
  events(frames: Frames): void;
  control(frame: ControlFrame): void;
  notice(notice: Notice): void;
}

export interface SubscriberSources {
  hub: Hub;
  reader: Pick<JobReader, 'page' | 'notice' | 'screen'>;
}

/** Why a subscription came to its end. */
export type SubscriptionEnd = 'ended' | 'gone' | 'slow' | 'aborted';

export interface SubscriptionRequest {
  job: string;
  /** null: from the start. */
  after: Position | null;
  /** Takes the screen of its terminal, where it was kept, for what was written before. */
  screen?: boolean;
  sink: Sink;
  signal: AbortSignal;
}

/**
 * Delivers the events of one job to one sink: each once, in order, from `after` to the last. Once `signal`
 * has aborted, nothing more reaches the sink. While Redis is away it waits.
 * @throws whatever else stands in the way; asking again would not mend it
 */
export function followJob(
  sources: SubscriberSources,
  request: SubscriptionRequest,
): Promise<SubscriptionEnd> {
  return new JobSubscription(sources, request).run();
}

/**
 * States. **reading**: pages come from the log, at the pace of the reader; arrivals are held, in bounds.
 * **live**: arrivals go straight to the sink. A subscription starts reading, becomes live when it has
 * caught up and what it holds follows without a hole, and goes back to reading on doubt, on a hole, on
 * another epoch, and when the sink does not keep up. **ended**: the last event of the job was delivered.
 *
 * Always true: `position` is the last event delivered, and only its direct successor is delivered next.
 */
class JobSubscription implements HubListener {
  readonly #sources: SubscriberSources;
  readonly #request: SubscriptionRequest;
  #state: 'reading' | 'live' | 'ended' = 'reading';
  #position: Position | null;
  #held: Arrival[] = [];
  #heldBytes = 0;
  #saidCaughtUp = false;
  /** Something may have been missed since the last read began. */
  #inDoubt = false;
  #wake = () => {};

  constructor(sources: SubscriberSources, request: SubscriptionRequest) {
    this.#sources = sources;
    this.#request = request;
    this.#position = request.after;
  }

  async run(): Promise<SubscriptionEnd> {
    const { job, sink, signal } = this.#request;
    if (signal.aborted) return 'aborted';
    const attachment = this.#sources.hub.attach(job, this);
    const stop = () => {
      attachment.detach();
      this.#wake();
    };
    signal.addEventListener('abort', stop);
    try {
      await attachment.subscribed;
      if (this.#position === null) await this.#beginAtScreen();
      while (!signal.aborted && !this.#isOver()) {
        const end = await (sink.turns?.run(() => this.#catchUp(), signal) ?? this.#catchUp());
        if (end !== null) return end;
        while (this.#state === 'live' && !signal.aborted) await this.#woken();
      }
      return this.#isOver() ? 'ended' : 'aborted';
    } finally {
      signal.removeEventListener('abort', stop);
      attachment.detach();
    }
  }

  onArrival(arrival: Arrival): void {
    if (this.#state === 'live') this.#take(arrival);
    else this.#hold(arrival);
  }

  onDoubt(): void {
    this.#leaveLive();
  }

  /** Hands over one page once the sink has room, and goes live behind the last. Answers why nothing more can come. */
  async #catchUp(): Promise<'slow' | 'gone' | null> {
    const { sink, signal } = this.#request;
    if (!(await keepsUp(sink, signal))) return 'slow';
    const page = await this.#readOn();
    if (page === null) return signal.aborted ? null : 'gone';
    const isEnd = await this.#deliverPage(page);
    // Asked last, in the step that goes live: doubt that came before would be forgotten.
    if (isEnd && !this.#inDoubt && !this.#isOver() && !signal.aborted) this.#goLive();
    return null;
  }

  /** Goes to the screen that was kept last, where that is wanted and takes it further. */
  async #beginAtScreen(): Promise<void> {
    const { job, screen: isWanted, sink, signal } = this.#request;
    if (isWanted !== true) return;
    const found = await untilRedisAnswers(() => this.#sources.reader.screen(job), signal);
    if (found === null || signal.aborted || found.seq <= (this.#position?.seq ?? 0)) return;
    const { epoch, seq, cols, rows, serialized } = found;
    const position = { epoch, seq };
    sink.control({
      type: 'screen.snapshot',
      data: { job, cols, rows, serialized, cursor: formatCursor(position) },
    });
    this.#position = position;
  }

  /** Reads the next page; what is held from before is in it. */
  #readOn(): Promise<FramedPage | null> {
    this.#held = [];
    this.#heldBytes = 0;
    this.#inDoubt = false;
    const { job, signal } = this.#request;
    const afterSeq = this.#position?.seq ?? 0;
    return untilRedisAnswers(() => this.#sources.reader.page(job, afterSeq), signal);
  }

  /** Answers true once the position is the end of the log. */
  async #deliverPage(page: FramedPage): Promise<boolean> {
    const { job, sink, signal } = this.#request;
    const { epoch } = page;
    this.#position ??= { epoch, seq: 0 };
    const start = decideStart(this.#position, page);
    if (start.kind !== 'continue') {
      const loss = { ...start, epoch };
      const notice = await untilRedisAnswers(() => this.#sources.reader.notice(job, loss), signal);
      if (notice === null) return false;
      sink.notice(notice);
      this.#position = { epoch, seq: start.kind === 'truncated' ? start.to : 0 };
      if (start.kind === 'reset') return false;
      const { seq } = this.#position;
      await this.#beginAtScreen();
      if (this.#position.seq > seq) return false;
    }
    this.#deliver(page.frames);
    if (this.#position.seq < page.seq) return false;
    if (page.done && !this.#isOver()) {
      sink.control({ type: 'caught.up', data: {} });
      this.#state = 'ended';
    }
    return true;
  }

  #goLive(): void {
    this.#state = 'live';
    for (const arrival of this.#held.splice(0)) if (this.#state === 'live') this.#take(arrival);
    if (this.#state !== 'live' || this.#saidCaughtUp) return;
    this.#saidCaughtUp = true;
    this.#request.sink.control({ type: 'caught.up', data: {} });
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #take({ frames }: Arrival): void {
    const { epoch, entries } = frames;
    const [first] = entries;
    // Where nothing was read yet this cannot be live.
    if (this.#position === null || first === undefined) return;
    const delivery = decideDelivery(this.#position, { epoch, first: first.seq, count: entries.length });
    switch (delivery.kind) {
      case 'drop':
        break;
      case 'reread':
        this.#leaveLive();
        break;
      case 'deliver':
        // Others fill the sink as well, so there may be no room before as after.
        if (this.#hasRoom()) this.#deliver(frames.from(delivery.from));
        if (this.#isOver()) this.#wake();
        else if (!this.#hasRoom()) this.#leaveLive();
        break;
      default:
        assertNever(delivery);
    }
  }

  #hold(arrival: Arrival): void {
    this.#heldBytes += arrival.bytes;
    if (this.#heldBytes <= limits.joinBufferBytesMax) this.#held.push(arrival);
    else {
      // Nothing may follow that shows the hole, so the log is read again.
      this.#held = [];
      this.#inDoubt = true;
    }
  }

  #hasRoom(): boolean {
    return this.#request.sink.backlogBytes() <= limits.subscriberBytesMax;
  }

  #deliver(frames: Frames): void {
    const last = frames.entries.at(-1);
    if (!last) return;
    this.#request.sink.events(frames);
    this.#position = { epoch: frames.epoch, seq: last.seq };
    if (last.type === 'job.ended') this.#state = 'ended';
  }

  #leaveLive(): void {
    this.#inDoubt = true;
    if (this.#state === 'live') this.#state = 'reading';
    this.#wake();
  }

  #isOver(): boolean {
    return this.#state === 'ended';
  }
}
