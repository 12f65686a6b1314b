import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/http.ts';
import { type LiveLink, openLiveLink } from '../../src/client/live.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { ProblemCode } from '../../src/contract/problem.ts';
import { problem } from '../../src/contract/problem.ts';
import { closeCodes } from '../../src/contract/socket.ts';
import type { ClientMessage, ServerMessage } from '../../src/contract/stream.ts';
import { newJob } from '../../src/core/job-view.ts';
import { jobId, logOf } from '../fakes/event-stream.ts';
import { agree, disagree, type FakeLiveService, startFakeLiveService } from '../fakes/live-service.ts';
import { until } from '../support/until.ts';

const timing = { retryMsMin: 5, retryMsMax: 50, silenceMs: 20_000, answerMs: 20_000 };
const log = logOf(6);
const job = newJob({
  id: jobId,
  spec: { type: 'command', shell: 'true' },
  createdAt: '2026-11-22T10:00:00.000Z',
  retryOf: null,
});

let service: FakeLiveService;
let link: LiveLink;
beforeEach(async () => {
  service = await startFakeLiveService();
  const { baseUrl } = service;
  link = openLiveLink({ client: createClient({ baseUrl }), baseUrl, timing });
});
afterEach(async () => {
  link.close();
  await service.close();
});

const asEvent = (event: JobEvent): ServerMessage => ({ op: 'event', event });
const sides = (count: number) => until(() => service.sides.length >= count, `${count} connections were made`);
const received = <Op extends ClientMessage['op']>(op: Op, side = service.sides.length - 1) =>
  service.sides[side]!.received.filter(
    (message): message is Extract<ClientMessage, { op: Op }> => message.op === op,
  );
const refusal = (promise: Promise<void>) =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof ClientProblem ? error.problem.code : error),
  );

function collect(after?: string, { screen = false } = {}) {
  const events: JobEvent[] = [];
  const said: string[] = [];
  const stop = link.follow(
    jobId,
    { screen, ...(after !== undefined && { after }) },
    {
      onEvents: (batch) => {
        events.push(...batch);
        said.push(...batch.map(({ key }) => key));
      },
      onControl: ({ type }) => said.push(type),
      onGone: ({ code }) => said.push(`gone: ${code}`),
    },
  );
  return { events, said, stop };
}

describe('a live link whose session ends', () => {
  it('is refused, gives up what was on its way, and goes on when it is signed in again', async () => {
    const { events } = collect();
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    for (const event of log.slice(0, 2)) service.sides[0]!.send(asEvent(event));
    await until(() => events.length === 2, 'two events came');
    service.onMessage = () => {};
    const typed = [refusal(link.input(jobId, { text: 'a' })), refusal(link.input(jobId, { text: 'b' }))];
    await until(() => received('input').length === 1, 'the first was sent');
    const states: string[] = [];
    link.onState(({ kind }) => states.push(kind));
    service.http.refusal = 'unauthenticated';
    service.sides[0]!.close(closeCodes.unauthenticated);
    await until(() => link.state.kind === 'refused', 'the link is refused');
    expect(states).toEqual(['connecting', 'refused']);
    expect(await Promise.all(typed)).toEqual(['outcome_unknown', 'unauthenticated']);
    service.http.refusal = null;
    service.onMessage = agree;
    link.reconnectNow();
    await sides(2);
    await until(() => received('subscribe').length === 1, 'the job was asked for again');
    expect(received('subscribe')[0]).toMatchObject({ job: jobId, after: log[1]!.id });
    expect(received('input')).toEqual([]);
  });

  it('connects again where the session is well after all', async () => {
    await sides(1);
    service.sides[0]!.close(closeCodes.unauthenticated);
    await sides(2);
    await until(() => link.state.kind === 'live', 'the link is live');
  });
});

describe('a live link that cannot connect', () => {
  it('waits as long as the service asks', async () => {
    await sides(1);
    service.http = { refusal: 'draining', retryAfter: '40' };
    service.sides[0]!.close(closeCodes.unauthenticated);
    await until(() => link.state.kind === 'waiting', 'the link waits');
    const { state } = link;
    expect(state.kind === 'waiting' && state.retryAtMs - Date.now()).toBeGreaterThan(20_000);
  });
});

describe('a live link to a service that stops', () => {
  it('comes back when that has asked it to', async () => {
    await sides(1);
    service.sides[0]!.send({ op: 'control', type: 'server.closing', data: { retryMs: 40_000 } });
    service.sides[0]!.close(closeCodes.draining);
    await until(() => link.state.kind === 'waiting', 'the link waits');
    const { state } = link;
    expect(state.kind === 'waiting' && state.retryAtMs - Date.now()).toBeGreaterThan(20_000);
  });
});

describe('what a live link is told about a job', () => {
  it('begins behind what the reader has had that has had least', async () => {
    const ids = log.map(({ id }) => id);
    await sides(1);
    collect(ids[3]);
    collect(ids[1]);
    collect(ids[4]);
    await until(() => received('subscribe').length > 0, 'the job was asked for');
    await until(() => received('subscribe').at(-1)?.after === ids[1], 'it is behind the second event');
    collect();
    await until(() => received('subscribe').at(-1)?.after === undefined, 'it is from the start');
    service.sides[0]!.close(1001);
    await sides(2);
    await until(() => received('subscribe').length === 1, 'the job was asked for again');
    expect(received('subscribe')[0]).not.toHaveProperty('after');
  });

  it('is in order with the events, and after a reset nothing is given twice', async () => {
    const { events, said } = collect();
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    const later = logOf(6, 1763805700000);
    const reset: ServerMessage = {
      op: 'control',
      type: 'history.reset',
      job: jobId,
      data: { epoch: 1763805700000, job: { ...job, cursor: later[0]!.id } },
    };
    for (const event of log.slice(0, 3)) service.sides[0]!.send(asEvent(event));
    service.sides[0]!.send(reset);
    for (const event of later.slice(0, 2)) service.sides[0]!.send(asEvent(event));
    await until(() => said.includes('history.reset'), 'it heard of the reset');
    service.sides[0]!.send('no json');
    await sides(2);
    await until(() => received('subscribe').length === 1, 'the job was asked for again');
    expect(received('subscribe')[0]).toMatchObject({ after: later[1]!.id });
    for (const event of later.slice(2)) service.sides[1]!.send(asEvent(event));
    await until(() => events.at(-1)?.type === 'job.ended', 'the job has ended');
    expect(said).toEqual([
      ...log.slice(0, 3).map(({ key }) => key),
      'history.reset',
      ...log.slice(3).map(({ key }) => key),
    ]);
  });

  it('begins anew where the cursor it began with was ahead of the log', async () => {
    const { events } = collect(log[5]!.id);
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    const data = { epoch: 1763805600123, job: { ...job, cursor: log[5]!.id } };
    service.sides[0]!.send({ op: 'control', type: 'history.reset', job: jobId, data });
    for (const event of log) service.sides[0]!.send(asEvent(event));
    await until(() => events.at(-1)?.type === 'job.ended', 'the job has ended');
    expect(events).toEqual(log);
  });

  it('is a screen only to those of its readers whom it takes further', async () => {
    const asked = (count: number) =>
      until(() => received('subscribe').length === count, `the job was asked for ${count} times`);
    await sides(1);
    const first = collect(undefined, { screen: true });
    await asked(1);
    expect(received('subscribe')[0]).toMatchObject({ screen: true });
    for (const event of log.slice(0, 4)) service.sides[0]!.send(asEvent(event));
    await until(() => first.events.length === 4, 'four events came');
    const second = collect(undefined, { screen: true });
    await asked(2);
    // The first has had something, but what is asked for is behind nothing, so all of it is for the second.
    expect(received('subscribe')[1]).toMatchObject({ screen: true });
    const data = { job: jobId, cols: 80, rows: 24, serialized: 'drawn', cursor: log[2]!.id };
    service.sides[0]!.send({ op: 'control', type: 'screen.snapshot', job: jobId, data });
    for (const event of log.slice(3)) service.sides[0]!.send(asEvent(event));
    await until(() => first.events.length === 6 && second.events.length === 3, 'both have all');
    expect(first.said).toEqual(log.map(({ key }) => key));
    expect(second.said).toEqual(['screen.snapshot', ...log.slice(3).map(({ key }) => key)]);
  });

  it('is asked for without a screen by who had events that a reset sends again', async () => {
    const { events } = collect(undefined, { screen: true });
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    service.sides[0]!.send(asEvent(log[0]!));
    await until(() => events.length === 1, 'an event came');
    const data = { epoch: 1763805700000, job: { ...job, cursor: '1763805700000-1' } };
    service.sides[0]!.send({ op: 'control', type: 'history.reset', job: jobId, data });
    service.sides[0]!.send('no json');
    await sides(2);
    await until(() => received('subscribe').length === 1, 'the job was asked for again');
    expect(received('subscribe')[0]).not.toHaveProperty('after');
    expect(received('subscribe')[0]).not.toHaveProperty('screen');
  });

  it('is of an older subscription until the answer to a newer one, and not heard', async () => {
    const first = collect();
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    service.sides[0]!.send(asEvent(log[0]!));
    await until(() => first.events.length === 1, 'the first event came');
    service.onMessage = (message, side) => {
      if (message.op !== 'subscribe') return;
      side.send(asEvent(log[1]!)); // was on its way
      agree(message, side);
      for (const event of log) side.send(asEvent(event));
    };
    const second = collect();
    await until(() => second.events.length === 6 && first.events.length === 6, 'both have all');
    expect(first.events).toEqual(log);
    expect(second.events).toEqual(log);
    expect(received('unsubscribe')).toHaveLength(1);
  });

  it('ends its followers when the job is gone, once it is theirs', async () => {
    const { said } = collect();
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    const gone = problem('job_not_found', 'It is gone.');
    service.sides[0]!.send({ op: 'nack', problem: gone });
    service.sides[0]!.send({ op: 'nack', job: jobId, problem: gone });
    service.sides[0]!.send({ op: 'nack', job: jobId, problem: gone });
    service.sides[0]!.send(asEvent(log[0]!));
    await link.cancel(jobId);
    expect(said).toEqual(['gone: job_not_found']);
  });

  it('is asked for again, on the same connection, where the refusal may pass', async () => {
    let refused = 0;
    service.onMessage = (message, side) => {
      refused += 1;
      if (refused <= 4) disagree(message, side, 'redis_unavailable');
      else agree(message, side);
    };
    const missed: string[] = [];
    link.onFeed({ ring: () => {}, missed: () => missed.push('missed') });
    const { events } = collect();
    await until(() => missed.length === 1 && refused >= 6, 'both were asked for until it worked');
    service.sides[0]!.send(asEvent(log[0]!));
    await until(() => events.length === 1, 'an event came');
    expect(service.sides).toHaveLength(1);
    expect(refused).toBe(6);
  });
});

describe('what a live link says to a job', () => {
  it('is sent one after the other, typing and sizes joined while they wait', async () => {
    await until(() => link.state.kind === 'live', 'the link is live');
    service.onMessage = () => {};
    const sent = [
      ...['a', 'b', 'c'].map((text) => link.input(jobId, { text })),
      link.input(jobId, { eof: true }),
      ...[80, 90, 100].map((cols) => link.resize(jobId, { cols, rows: 24 })),
    ];
    await until(
      () => received('input').length + received('resize').length === 2,
      'the first of each was sent',
    );
    service.onMessage = agree;
    for (const message of service.sides[0]!.received)
      if (message.op !== 'ping') agree(message, service.sides[0]!);
    await Promise.all(sent);
    expect(received('input')).toMatchObject([{ text: 'a' }, { text: 'bc' }, { eof: true }]);
    expect(received('resize')).toMatchObject([{ cols: 80 }, { cols: 100 }]);
  });

  it.each<ProblemCode>(['outcome_unknown', 'redis_unavailable'])(
    'keeps its id, and what it says, until it is answered, also by %s',
    async (code) => {
      await until(() => link.state.kind === 'live', 'the link is live');
      service.onMessage = () => {};
      const sent = [link.input(jobId, { text: 'a' }), link.input(jobId, { text: 'b' })];
      await until(() => received('input').length === 1, 'it was sent');
      service.sides[0]!.close(closeCodes.slowConsumer);
      await sides(2);
      await until(() => received('input').length === 1, 'it was sent again');
      expect(received('input', 1)).toEqual(received('input', 0));
      disagree(received('input')[0]!, service.sides[1]!, code);
      await until(() => received('input').length === 2, 'it was sent once more');
      service.onMessage = agree;
      agree(received('input')[1]!, service.sides[1]!);
      await Promise.all(sent);
      const [first, again, next] = received('input');
      expect(again).toEqual(first);
      expect(next).toMatchObject({ text: 'b' });
      expect(next?.msg).not.toBe(first?.msg);
    },
  );

  it('takes along what waits behind it when it is refused', async () => {
    await until(() => link.state.kind === 'live', 'the link is live');
    service.onMessage = (message, side) => {
      if (message.op === 'input' && message.text === 'a') disagree(message, side, 'input_overflow');
      else agree(message, side);
    };
    const outcomes = await Promise.all(
      [link.input(jobId, { text: 'a' }), link.input(jobId, { text: 'b' }), link.cancel(jobId)].map(refusal),
    );
    expect(outcomes).toEqual(['input_overflow', 'input_overflow', 'done']);
    await link.input(jobId, { text: 'c' });
    expect(received('input')).toMatchObject([{ text: 'a' }, { text: 'c' }]);
  });

  it('is not sent again when the service closed the connection over it', async () => {
    const { events } = collect();
    await until(() => service.sides[0]?.received.length === 1, 'the job was asked for');
    service.onMessage = (message, side) => {
      if (message.op === 'input') side.close(closeCodes.badMessage);
      else agree(message, side);
    };
    expect(await refusal(link.input(jobId, { base64: '!' }))).toBe('validation_failed');
    await sides(2);
    await until(() => received('subscribe').length === 1, 'the job was asked for again');
    service.sides[1]!.send(asEvent(log[0]!));
    await until(() => events.length === 1, 'an event came');
    expect(received('input')).toEqual([]);
  });
});
