import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BellNews, type BellOptions, followBell } from '../../src/client/bell.ts';
import { createClient } from '../../src/client/http.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ProblemCode } from '../../src/contract/problem.ts';
import {
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
const connected = controlFrame('caught.up');
const places = () => service.requests.map(({ headers }) => headers['last-event-id']);

let service: FakeService;
beforeEach(async () => {
  service = await startFakeService();
});
afterEach(() => service.close());

function ringFrame(id: string): string {
  const data = { job: jobId, status: 'running', cursor: '1-1' };
  return `id: ${id}\nevent: job.changed\ndata: ${JSON.stringify({ id, type: 'job.changed', data })}\n\n`;
}

/** The first `count` news, in short: the id of a ring, or why the list is to be fetched. */
async function hear(count: number, options: BellOptions = {}): Promise<string[]> {
  const client = createClient({ baseUrl: service.baseUrl, key: 'key-1' });
  const heard: string[] = [];
  for await (const news of followBell(client, { timing: quick, ...options })) {
    heard.push(brief(news));
    if (heard.length === count) break;
  }
  return heard;
}
const brief = (news: BellNews) => (news.kind === 'ring' ? news.ring.id : news.why);

describe('Following the bell', () => {
  it('asks with the key and the filter, and from now on', async () => {
    service.answer(staysOpen(connected, ringFrame('5-0')));
    const filter = { status: 'running' as const, tag: 'a b&c' };
    expect(await hear(2, { filter })).toEqual(['connected', '5-0']);
    const [request] = service.requests;
    expect(request?.url).toBe('/v1/events?status=running&tag=a+b%26c');
    expect(request?.headers).toMatchObject({ accept: 'text/event-stream', authorization: 'Bearer key-1' });
    expect(places()).toEqual([undefined]);
    await request?.closed;
  });

  it('resumes behind the last ring, and says that the list is to be fetched whenever it is connected', async () => {
    service.answer(
      streams(connected, ringFrame('5-0'), ringFrame('6-0')),
      streams(connected),
      staysOpen(ringFrame('7-0'), connected),
    );
    const heard = await hear(6, { after: '4-0' });
    expect(heard).toEqual(['connected', '5-0', '6-0', 'connected', '7-0', 'connected']);
    expect(places()).toEqual(['4-0', '6-0', '6-0']);
  });

  it('says that the list is to be fetched when the service says that rings are missing', async () => {
    const truncated = controlFrame('history.truncated', { from: '5-0', to: '5-0', oldest: '5-0' });
    service.answer(staysOpen(connected, ringFrame('5-0'), truncated, ringFrame('6-0')));
    expect(await hear(4)).toEqual(['connected', '5-0', 'truncated', '6-0']);
  });

  it('goes on behind a ring whose id is lower, since Redis came back older', async () => {
    service.answer(streams(connected, ringFrame('9-0'), ringFrame('5-0')), staysOpen(connected));
    expect(await hear(4)).toEqual(['connected', '9-0', '5-0', 'connected']);
    expect(places()).toEqual([undefined, '5-0']);
  });

  it.each<ProblemCode>(['redis_unavailable', 'draining'])(
    'waits out %s, as long as it asks',
    async (code) => {
      service.answer(refuses(code, { 'retry-after': '1' }), staysOpen(connected));
      expect(await hear(1)).toEqual(['connected']);
      expect(service.requests[1]!.at - service.requests[0]!.at).toBeGreaterThanOrEqual(998);
    },
  );

  it.each<ProblemCode>(['validation_failed', 'unauthenticated', 'invalid_cursor'])(
    'throws %s',
    async (code) => {
      service.answer(refuses(code));
      await expect(hear(1)).rejects.toMatchObject({ problem: { code } });
    },
  );

  it('gives up when what comes is never a ring', async () => {
    service.answer(streams(eventFrame(logOf(3)[0]!)));
    await expect(hear(1)).rejects.toThrow('no event');
    expect(service.requests).toHaveLength(limits.followNonsenseMax);
  });

  it('ends quietly when it is aborted, and closes its connection', async () => {
    service.answer(staysOpen(connected));
    const stop = new AbortController();
    const hearing = hear(2, { signal: stop.signal });
    while (service.requests.length === 0) await wait(5);
    setTimeout(() => stop.abort(), 50);
    expect(await hearing).toEqual(['connected']);
    await service.requests[0]?.closed;
  });
});
