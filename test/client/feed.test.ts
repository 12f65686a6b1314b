import type { ServerResponse } from 'node:http';
import { setImmediate as breathe, setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FollowOptions, followJob } from '../../src/client/feed.ts';
import { createClient } from '../../src/client/http.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ProblemCode } from '../../src/contract/problem.ts';
import type { ControlFrame } from '../../src/contract/stream.ts';
import {
  type Answer,
  beginStream,
  controlFrame,
  eventFrame,
  type FakeService,
  jobId,
  logOf,
  refuses,
  startFakeService,
  staysOpen,
  streams,
} from '../fakes/event-stream.ts';

const quick = { retryMsMin: 1, retryMsMax: 4, silenceMs: 20_000, random: () => 0 };
const log = logOf(6);
const frames = log.map(eventFrame);
const cursors = () => service.requests.map(({ headers }) => headers['last-event-id']);

let service: FakeService;
beforeEach(async () => {
  service = await startFakeService();
});
afterEach(() => service.close());

describe('Following a job', () => {
  it('gives each event in order and ends after the last, with one connection', async () => {
    service.answer(staysOpen(...frames));
    expect(await follow()).toEqual(log);
    expect(service.requests).toHaveLength(1);
    await service.requests[0]?.closed;
  });

  it('asks with the key for a stream of this job, from the start', async () => {
    service.answer(streams(...frames));
    await follow();
    const [request] = service.requests;
    expect(request?.url).toBe(`/v1/jobs/${jobId}/events`);
    expect(request?.headers).toMatchObject({ accept: 'text/event-stream', authorization: 'Bearer key-1' });
    expect(request?.headers).not.toHaveProperty('last-event-id');
  });

  it('begins after the cursor it is given', async () => {
    service.answer(streams(...frames.slice(3)));
    expect(await follow({ after: log[2]!.id })).toEqual(log.slice(3));
    expect(cursors()).toEqual([log[2]!.id]);
  });

  it('is over at once when there is nothing after its cursor', async () => {
    service.answer((response) => {
      response.writeHead(204).end();
    });
    expect(await follow({ after: log.at(-1)!.id })).toEqual([]);
    expect(service.requests).toHaveLength(1);
  });

  it('reads frames whose bytes come one by one', async () => {
    service.answer(async (response) => {
      beginStream(response);
      await writeInPieces(response, `: alive\n\n${frames.join('')}`, 1);
      response.end();
    });
    expect(await follow()).toEqual(log);
  });

  it('reads frames split in two at any byte', async () => {
    const bytes = Buffer.from(frames.slice(-2).join(''));
    for (let at = 1; at < bytes.length; at += 1) {
      const halves = [bytes.subarray(0, at), bytes.subarray(at)];
      const body = new ReadableStream({
        pull: (stream) => {
          const half = halves.shift();
          if (half === undefined) stream.close();
          else stream.enqueue(half);
        },
      });
      const answer = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
      const client = createClient({ baseUrl: 'http://unused', fetch: async () => answer });
      const events: JobEvent[] = [];
      for await (const event of followJob(client, jobId)) events.push(event);
      expect(events, `split at ${at}`).toEqual(log.slice(-2));
    }
  });
});

describe('A break while following', () => {
  it.each<[string, (response: ServerResponse) => unknown]>([
    ['the connection is cut', (response) => breathe().then(() => response.socket?.destroy())],
    ['the stream ends early', (response) => response.end()],
    ['a frame makes no sense', (response) => response.write('id: 1-1\ndata: {"half":\n\n')],
    ['an event has no key', (response) => response.write(frames[2]!.replace('"key"', '"kex"'))],
    ['a frame is cut in the middle', (response) => response.end(frames[2]!.slice(0, -20))],
  ])('is resumed behind the last event when %s', async (_how, breaks) => {
    const cut: Answer = async (response) => {
      beginStream(response);
      response.write(frames.slice(0, 2).join(''));
      await breaks(response);
    };
    service.answer(cut, streams(...frames.slice(2)));
    expect(await follow()).toEqual(log);
    expect(cursors()).toEqual([undefined, log[1]!.id]);
  });

  it('is given up, with its reason, when the same place never makes sense', async () => {
    const nonsense = 'id: 1-1\ndata: {"half":\n\n';
    service.answer(...Array.from({ length: 20 }, () => streams(nonsense)));
    await expect(follow()).rejects.toThrow('no JSON');
    expect(cursors().length).toBe(limits.followNonsenseMax);
  });

  it('drops what a server sends twice', async () => {
    service.answer(
      streams(frames[0]!, frames[1]!, frames[1]!),
      streams(...frames.slice(0, 4)),
      streams(...frames.slice(2)),
    );
    expect(await follow()).toEqual(log);
  });

  it('loses, repeats and disorders nothing, wherever the connections are cut and split', async () => {
    const long = logOf(60);
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ bytes: fc.nat(4000), pieces: fc.integer({ min: 1, max: 500 }), back: fc.nat(5) }),
          {
            maxLength: 12,
          },
        ),
        async (breaks) => {
          const from = (cursor: string | undefined, back: number) =>
            long
              .slice(Math.max(0, Number(cursor?.split('-')[1] ?? 0) - back))
              .map(eventFrame)
              .join('');
          const cuts = breaks.map(
            ({ bytes, pieces, back }): Answer =>
              async (response, { headers }) => {
                beginStream(response);
                const text = from(headers['last-event-id']?.toString(), back);
                await writeInPieces(response, Buffer.from(text).subarray(0, bytes), pieces);
                response.socket?.destroy();
              },
          );
          const whole: Answer = (response, { headers }) => {
            beginStream(response);
            response.end(from(headers['last-event-id']?.toString(), 0));
          };
          service.answer(...cuts, whole);
          expect(await follow()).toEqual(long);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is waited out longer each time, and shorter again after progress', async () => {
    const broken: Answer = (response) => {
      response.socket?.destroy();
    };
    service.answer(...Array(5).fill(broken), streams(frames[0]!), streams(...frames.slice(1)));
    const timing = { ...quick, retryMsMin: 40, retryMsMax: 1000, random: () => 1 };
    const events = await follow({ timing });
    expect(events).toEqual(log);
    const times = service.requests.map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - times[index]!);
    for (const [index, least] of [80, 160, 320, 640, 1000, 80].entries()) {
      expect(gaps[index], `gap ${index}`).toBeGreaterThanOrEqual(least - 2);
    }
    expect(gaps[5]).toBeLessThan(1000);
  });

  it('is resumed when the service comes back on its port', async () => {
    service.answer(staysOpen(frames[0]!, frames[1]!));
    const events: JobEvent[] = [];
    for await (const event of followJob(clientOf(service), jobId, { timing: quick })) {
      events.push(event);
      if (events.length === 2) {
        await service.close();
        setTimeout(async () => {
          service = await startFakeService(service.port);
          service.answer(streams(...frames.slice(2)));
        }, 100);
      }
    }
    expect(events).toEqual(log);
  });

  it('is noticed by silence, when the connection says nothing of it', async () => {
    service.answer(
      () => undefined, // not even headers
      staysOpen(frames[0]!),
      streams(...frames.slice(1)),
    );
    expect(await follow({ timing: { ...quick, silenceMs: 3000 } })).toEqual(log);
    expect(cursors()).toEqual([undefined, undefined, log[0]!.id]);
  });

  it('is not assumed while heartbeats come, nor while the reader takes its time', async () => {
    service.answer(async (response) => {
      beginStream(response);
      response.write(frames[0]!);
      for (let beat = 0; beat < 25; beat += 1) {
        await wait(100);
        response.write(': alive\n\n');
      }
      response.end(frames.slice(1).join(''));
    });
    const timing = { ...quick, silenceMs: 2000 };
    const events: JobEvent[] = [];
    for await (const event of followJob(clientOf(service), jobId, { timing })) {
      events.push(event);
      if (events.length === 2) await wait(2500);
    }
    expect(events).toEqual(log);
    expect(service.requests).toHaveLength(1);
  });
});

describe('A refusal while following', () => {
  it.each<ProblemCode>(['redis_unavailable', 'draining', 'queue_full', 'internal'])(
    'with %s is waited out',
    async (code) => {
      service.answer(refuses(code), refuses(code), streams(...frames));
      expect(await follow()).toEqual(log);
    },
  );

  it('is waited out for as long as Retry-After asks', async () => {
    service.answer(refuses('redis_unavailable', { 'retry-after': '1' }), streams(...frames));
    expect(await follow()).toEqual(log);
    expect(service.requests[1]!.at - service.requests[0]!.at).toBeGreaterThanOrEqual(998);
  });

  it('to a service that stops is waited out for as long as that asked', async () => {
    const closing = 'event: server.closing\ndata: {"retryMs":1000}\n\n';
    service.answer(streams(frames[0]!, closing), streams(...frames.slice(1)));
    expect(await follow()).toEqual(log);
    expect(service.requests[1]!.at - service.requests[0]!.at).toBeGreaterThanOrEqual(998);
  });

  it.each<ProblemCode>([
    'invalid_cursor',
    'unauthenticated',
    'host_not_allowed',
    'job_not_found',
    'validation_failed',
  ])('with %s is thrown', async (code) => {
    service.answer(refuses(code));
    const error: unknown = await follow().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClientProblem);
    expect(error).toMatchObject({ problem: { code } });
    expect(service.requests).toHaveLength(1);
  });

  it('is thrown, too, when what answers is no such service', async () => {
    service.answer((response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Welcome</p>');
    });
    await expect(follow()).rejects.toThrow('not from the service');
  });
});

describe('What a stream says about itself', () => {
  it('is heard in order with the events and moves no cursor', async () => {
    const heard: string[] = [];
    const truncated = { from: '1-1', to: '1-9', oldest: '1-9' };
    service.answer(
      streams(
        frames[0]!,
        controlFrame('history.truncated', truncated),
        frames[1]!,
        controlFrame('caught.up'),
      ),
      streams(...frames.slice(2)),
    );
    const onControl = (frame: ControlFrame) => heard.push(`${frame.type} ${JSON.stringify(frame.data)}`);
    for await (const event of followJob(clientOf(service), jobId, { timing: quick, onControl })) {
      heard.push(event.type);
    }
    expect(heard.slice(0, 4)).toEqual([
      'job.started',
      `history.truncated ${JSON.stringify(truncated)}`,
      'output.delta',
      'caught.up {}',
    ]);
    expect(cursors()).toEqual([undefined, log[1]!.id]);
  });

  it('makes it begin again after a reset, without giving anything twice', async () => {
    const later = logOf(6, 1763805700000);
    service.answer(
      streams(...frames.slice(0, 3)),
      streams(controlFrame('history.reset', { epoch: 1763805700000, job: {} })),
      streams(...later.slice(0, 2).map(eventFrame)),
      streams(...later.slice(2).map(eventFrame)),
    );
    expect(await follow()).toEqual([...log.slice(0, 3), ...later.slice(3)]);
    expect(cursors()).toEqual([undefined, log[2]!.id, undefined, later[1]!.id]);
  });

  it('reaches the reader as an error when its listener throws', async () => {
    service.answer(streams(controlFrame('caught.up')));
    const onControl = () => {
      throw new RangeError('the listener failed');
    };
    await expect(follow({ onControl })).rejects.toThrow(RangeError);
  });
});

describe('Following ends', () => {
  it('quietly, and closes its connection, when it is aborted while it waits for an event', async () => {
    service.answer(staysOpen(frames[0]!, frames[1]!));
    const stop = new AbortController();
    const events: JobEvent[] = [];
    for await (const event of followJob(clientOf(service), jobId, { timing: quick, signal: stop.signal })) {
      events.push(event);
      if (events.length === 2) setTimeout(() => stop.abort(), 20);
    }
    expect(events).toEqual(log.slice(0, 2));
    await service.requests[0]?.closed;
  });

  it('without another event once it is aborted', async () => {
    service.answer(streams(...frames));
    const stop = new AbortController();
    const events: JobEvent[] = [];
    for await (const event of followJob(clientOf(service), jobId, { timing: quick, signal: stop.signal })) {
      events.push(event);
      stop.abort();
    }
    expect(events).toEqual(log.slice(0, 1));
  });

  it('in the middle of a wait', async () => {
    service.answer(refuses('draining', { 'retry-after': '50' }));
    const stop = new AbortController();
    const following = follow({ signal: stop.signal });
    while (service.requests.length === 0) await wait(5);
    await wait(50);
    stop.abort();
    expect(await following).toEqual([]);
  });

  it('and closes its connection when its reader leaves', async () => {
    service.answer(staysOpen(frames[0]!));
    for await (const _event of followJob(clientOf(service), jobId)) break;
    await service.requests[0]?.closed;
    expect(service.requests).toHaveLength(1);
  });
});

function clientOf({ baseUrl }: FakeService) {
  return createClient({ baseUrl, key: 'key-1' });
}

async function follow(options: FollowOptions = {}): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of followJob(clientOf(service), jobId, { timing: quick, ...options })) {
    events.push(event);
  }
  return events;
}

async function writeInPieces(
  response: ServerResponse,
  text: string | Uint8Array,
  size: number,
): Promise<void> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length && !response.destroyed; from += size) {
    response.write(bytes.subarray(from, from + size));
    await breathe();
  }
}
