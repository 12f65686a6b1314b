import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Frames } from '../../src/api/fan-out/frames.ts';
import { Gate } from '../../src/api/fan-out/gate.ts';
import type { Hub } from '../../src/api/fan-out/hub.ts';
import type { Notice } from '../../src/api/fan-out/notice.ts';
import { followJob, type Sink, type SubscriberSources } from '../../src/api/fan-out/subscriber.ts';
import { limits } from '../../src/contract/limits.ts';
import type { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { type FanOut, openFanOut } from '../support/fan-out.ts';
import { appendAs, createJob, endedDraft, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let fanOut: FanOut;
let log: EventLog;
let hub: Hub;
let sources: SubscriberSources;
beforeAll(async () => {
  fanOut = await openFanOut(await emptyDatabase());
  ({ log, hub, sources } = fanOut);
});
afterAll(() => fanOut.close());

const pieceBytes = 32 * 1024;
/** Output of `bytes` in events of the usual size. */
const output = (bytes: number) =>
  Array.from({ length: Math.ceil(bytes / pieceBytes) }, () => outputDraft('x'.repeat(pieceBytes)));

/** Settles once everybody who listens has heard the next announcement. */
function nextAnnouncement(job: string): Promise<void> {
  return new Promise((resolve) => {
    const attachment = hub.attach(job, {
      onArrival: () => {
        attachment.detach();
        resolve();
      },
      onDoubt: () => {},
    });
  });
}

/** A connection that takes what it is sent at once, or nothing while it is `stopped`. */
class TestSink implements Sink {
  readonly turns = new Gate(1);
  readonly seqs: number[] = [];
  caughtUp = 0;
  stopped = false;
  bytesMax = 0;
  #bytes = 0;
  #taken = 0;

  events({ entries, sse }: Frames): void {
    this.seqs.push(...entries.map(({ seq }) => seq));
    this.#bytes += sse.length;
    this.bytesMax = Math.max(this.bytesMax, this.backlogBytes());
  }
  control({ type }: { type: string }): void {
    if (type === 'caught.up') this.caughtUp += 1;
  }
  notice({ sse }: Notice): void {
    this.#bytes += sse.length;
  }
  backlogBytes(): number {
    if (!this.stopped) this.#taken += this.#bytes;
    if (!this.stopped) this.#bytes = 0;
    return this.#bytes;
  }
  takenBytes(): number {
    return this.#taken;
  }
  async moved(): Promise<void> {
    await sleep(5);
  }
}

type ReadPage = SubscriberSources['reader']['page'];

/** The sources, where pages are read so. */
const reading = (page: ReadPage): SubscriberSources => ({
  hub,
  reader: {
    page,
    notice: (...request) => sources.reader.notice(...request),
    screen: (job) => sources.reader.screen(job),
  },
});
const numbersTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a reader that joins', () => {
  it('gets an announcement that is too large to hold, also where nothing follows it', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const sink = new TestSink();
    const stop = new AbortController();
    const large = output(limits.joinBufferBytesMax + pieceBytes);
    const count = 2 + large.length;
    /** Answers a page that the announcement has overtaken. */
    const page: ReadPage = async (...request) => {
      const read = await sources.reader.page(...request);
      if (large.length > 0) {
        const announced = nextAnnouncement(job);
        await appendAs(log, job, { identity, firstPseq: 2, drafts: large.splice(0) });
        await announced;
      }
      return read;
    };
    const request = { job, after: null, sink, signal: stop.signal };
    const following = followJob(reading(page), request);
    await until(() => sink.caughtUp === 1, 'the reader is live');
    await until(() => sink.seqs.length === count, 'the reader has everything');
    expect(sink.seqs).toEqual(numbersTo(count));
    stop.abort();
    expect(await following).toBe('aborted');
  });
});

describe('a reader that has left before', () => {
  it('is neither listened for nor read for', async () => {
    const job = await createJob(log);
    const sink = new TestSink();
    const signal = AbortSignal.abort();
    const page = vi.fn<ReadPage>((...request) => sources.reader.page(...request));
    expect(await followJob(reading(page), { job, after: null, sink, signal })).toBe('aborted');
    expect(await fanOut.connection.redis.pubsub('CHANNELS', jobKeys(job).announcements)).toEqual([]);
    expect([page.mock.calls, sink.seqs]).toEqual([[], []]);
  });
});

describe('a reader whose log does not answer', () => {
  /** Answers how the reader ended and how often it asked, when the first answer is this error. */
  async function followBehind(fault: Error): Promise<{ end: unknown; asked: number }> {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    await appendAs(log, job, { identity, firstPseq: 2, drafts: [endedDraft()], flag: 'final' });
    let asked = 0;
    const page: ReadPage = (...request) => {
      asked += 1;
      return asked === 1 ? Promise.reject(fault) : sources.reader.page(...request);
    };
    const request = { job, after: null, sink: new TestSink(), signal: AbortSignal.timeout(50_000) };
    const end = await followJob(reading(page), request).catch((error: unknown) => error);
    return { end, asked };
  }

  it.each(['read ECONNRESET', 'Command timed out', 'LOADING Redis is loading the dataset in memory'])(
    'asks again after: %s',
    async (message) => {
      expect(await followBehind(new TypeError(message))).toEqual({ end: 'ended', asked: 2 });
    },
  );

  it.each(['WRONGTYPE Operation against a key', 'Unexpected end of JSON input'])(
    'gives up after: %s',
    async (message) => {
      const fault = new SyntaxError(message);
      expect(await followBehind(fault)).toEqual({ end: fault, asked: 1 });
    },
  );
});

describe('a reader that takes nothing', () => {
  it('is given one page of the history and no second', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    // A page of them is a little less than half of what may be unsent.
    const drafts = Array.from({ length: 100 }, () => outputDraft('x'.repeat(30 * 1024)));
    await appendAs(log, job, { identity, firstPseq: 2, drafts });
    let [asked, looked] = [0, 0];
    const page: ReadPage = (...request) => {
      asked += 1;
      return sources.reader.page(...request);
    };
    const sink = new TestSink();
    sink.stopped = true;
    sink.moved = async () => {
      looked += 1;
      await sleep(5);
    };
    const stop = new AbortController();
    const following = followJob(reading(page), { job, after: null, sink, signal: stop.signal });
    await until(() => looked > 10, 'the reader is waited for');
    expect(asked).toBe(1);
    expect(sink.bytesMax).toBeGreaterThan(limits.subscriberBytesMax / 3);
    stop.abort();
    expect(await following).toBe('aborted');
  });
});

describe('readers that share a connection', () => {
  it('fill it no further than its bound, and each gets everything when it takes something again', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const sink = new TestSink();
    const signal = AbortSignal.timeout(50_000);
    const readers = 12;
    const following = numbersTo(readers).map(() => followJob(sources, { job, after: null, sink, signal }));
    await until(() => sink.caughtUp === readers, 'all readers are live');
    sink.stopped = true;
    const drafts = output(256 * 1024);
    const announced = nextAnnouncement(job);
    await appendAs(log, job, { identity, firstPseq: 2, drafts });
    await announced;
    const end = { identity, firstPseq: 2 + drafts.length, drafts: [endedDraft()], flag: 'final' } as const;
    await appendAs(log, job, end);
    expect(sink.bytesMax).toBeGreaterThan(limits.subscriberBytesMax);
    expect(sink.bytesMax).toBeLessThan(limits.subscriberBytesMax + 512 * 1024);
    sink.stopped = false;
    expect(await Promise.all(following)).toEqual(numbersTo(readers).map(() => 'ended'));
    expect(sink.seqs.length).toBe(readers * (3 + drafts.length));
  });
});
