import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import { createClient } from '../../src/client/http.ts';
import { type LinkState, type LiveLink, type LiveOptions, openLiveLink } from '../../src/client/live.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { openLogConnection, redisAddress } from '../../src/store/redis.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { createJob, startAttempt } from '../support/job.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const timing = { retryMsMin: 5, retryMsMax: 200, silenceMs: 20_000, answerMs: 20_000 };
const unknownJob = 'job_01jc0000000000000000000000';

let service: TestService;
let proxy: FaultProxy;
const links: LiveLink[] = [];
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());
beforeEach(async () => {
  proxy = await startFaultProxy(service.baseUrl);
});
afterEach(async () => {
  for (const link of links.splice(0)) link.close();
  await proxy.close();
});

function openLink(options: Partial<LiveOptions> = {}): LiveLink {
  const { url: baseUrl } = proxy;
  const link = openLiveLink({
    client: createClient({ baseUrl, key: apiKey }),
    baseUrl,
    connect: (address, protocol) =>
      new WebSocket(address, protocol, { headers: { authorization: `Bearer ${apiKey}` } }),
    timing,
    ...options,
  });
  links.push(link);
  return link;
}

function collect(link: LiveLink, job: string, after?: string) {
  const events: JobEvent[] = [];
  const controls: string[] = [];
  const gone: Problem[] = [];
  let batches = 0;
  const stop = link.follow(job, after === undefined ? {} : { after }, {
    onEvents: (batch) => {
      batches += 1;
      events.push(...batch);
    },
    onControl: ({ type }) => controls.push(type),
    onGone: (problem) => gone.push(problem),
  });
  const has = (type: string) => () => events.some((event) => event.type === type);
  return {
    events,
    controls,
    gone,
    stop,
    batches: () => batches,
    started: () => until(has('job.started'), 'the job has started'),
    ended: () => until(has('job.ended'), 'the job has ended', 50_000),
  };
}

const isNow = (link: LiveLink, kind: LinkState['kind']) =>
  until(() => link.state.kind === kind, `the link is ${kind}`);
const refusal = (promise: Promise<void>) =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof ClientProblem ? error.problem.code : error),
  );
const readsLines = {
  type: 'command',
  shell: 'stty -echo; while read line; do echo "<$line>"; [ "$line" = end ] && exit; done',
  interactive: true,
} as const;
/** The lines that the program read. */
const linesRead = (events: readonly JobEvent[]) =>
  [...outputOf(events).matchAll(/<(.*?)>/g)].map(([, line]) => line);

describe('following jobs over a live link', () => {
  it('gives each event of many jobs once and in order, a history in few batches', async () => {
    const link = openLink();
    const { job, events } = await service.run({
      type: 'command',
      shell: 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done',
    });
    const live = await service.submit({ type: 'command', shell: 'sleep 0.3; echo late' });
    const [past, present] = [collect(link, job.id), collect(link, live.id)];
    await past.ended();
    await present.ended();
    expect(past.events).toEqual(events);
    expect(past.batches()).toBeLessThan(events.length);
    expect(present.events).toEqual(await service.events(live.id));
    expect(link.state).toEqual({ kind: 'live' });
    expect(proxy.connections).toBe(1);
  });

  it('gives every one of thousands of lines once and in order, over more than 25 connections', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmmixer-live-'));
    onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 20 }));
    const enough = join(folder, 'enough');
    const { id } = await service.submit({
      type: 'command',
      shell: `i=0; until [ -e ${enough} ]; do seq $((i * 50 + 1)) $((i * 50 + 50)); i=$((i + 1)); sleep 0.02; done`,
    });
    const link = openLink();
    const followed = collect(link, id);
    while (proxy.connections <= 25) {
      const had = followed.events.length + Math.floor(Math.random() * 3);
      await until(() => followed.events.length > had, 'more has come');
      proxy.cut();
    }
    writeFileSync(enough, '');
    await followed.ended();
    const lines = outputOf(followed.events).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1000);
    expect(lines).toEqual(lines.map((_, index) => `${index + 1}`));
    expect(followed.events).toEqual(await service.events(id));
    expect(followed.controls.filter((type) => type !== 'caught.up')).toEqual([]);
  });

  it('begins behind the cursor it is given, and says caught up', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'echo one; echo two >&2' });
    const link = openLink();
    const rest = collect(link, job.id, events[2]!.id);
    await rest.ended();
    expect(rest.events).toEqual(events.slice(3));
    const nothing = collect(link, job.id, job.cursor);
    await until(() => nothing.controls.includes('caught.up'), 'it has caught up');
    expect(nothing.events).toEqual([]);
  });

  it('gives several followers of one job what each of them has not had, over one subscription', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    const first = collect(link, id);
    await first.started();
    for (const text of ['one\r', 'two\r']) await link.input(id, { text });
    await until(() => linesRead(first.events).includes('two'), 'the first follower saw it');
    const place = first.events.at(-1)!.id;
    const [late, behind, brief] = [collect(link, id), collect(link, id, place), collect(link, id)];
    await until(() => linesRead(late.events).includes('two'), 'the late follower saw it');
    brief.stop();
    const had = brief.events.length;
    proxy.cut();
    await link.input(id, { text: 'end\r' });
    await Promise.all([first.ended(), late.ended(), behind.ended()]);
    const events = await service.events(id);
    expect(first.events).toEqual(events);
    expect(late.events).toEqual(events);
    expect(behind.events).toEqual(events.slice(events.findIndex((event) => event.id === place) + 1));
    expect(brief.events).toEqual(events.slice(0, had));
  });

  it('follows again what was left, from where it is told', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    for (let round = 0; round < 20; round += 1) collect(link, id).stop();
    const followed = collect(link, id);
    await followed.started();
    await link.input(id, { text: 'end\r' });
    await followed.ended();
    expect(followed.events).toEqual(await service.events(id));
  });

  it('tells the follower of a job that there is none, and goes on with the others', async () => {
    const link = openLink();
    const lost = [
      collect(link, unknownJob),
      collect(link, 'job_that/cannot be'),
      collect(link, unknownJob, 'no cursor'),
    ];
    for (const { gone } of lost) await until(() => gone.length > 0, 'it is told');
    expect(lost.map(({ gone }) => gone.map(({ code }) => code))).toEqual([
      ['job_not_found'],
      ['job_not_found'],
      ['invalid_cursor'],
    ]);
    const { job, events } = await service.run({ type: 'command', shell: 'true' });
    const followed = collect(link, job.id);
    await followed.ended();
    expect(followed.events).toEqual(events);
    expect(proxy.connections).toBe(1);
  });

  it('tells the follower of a job that is forgotten while it is followed', async () => {
    const connection = openLogConnection(service.redisUrl);
    await connection.ready();
    const log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
    const id = await createJob(log);
    const link = openLink();
    const followed = collect(link, id);
    await until(() => followed.controls.includes('caught.up'), 'it has caught up');
    await startAttempt(log, id);
    await followed.started();
    connection.close();
    const redis = new Redis(redisAddress(service.redisUrl));
    await redis.del(Object.values(jobKeys(id)));
    redis.disconnect();
    await until(() => followed.gone.length > 0, 'it is told', 40_000);
    expect(followed.gone[0]).toMatchObject({ code: 'job_not_found' });
  });
});

describe('messages over a live link', () => {
  it('type into a job, resize and cancel it', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'stty -echo; while read line; do [ "$line" = size ] && line=$(stty size); echo "<$line>"; done',
      interactive: true,
    });
    const link = openLink();
    const followed = collect(link, id);
    await followed.started();
    await link.input(id, { text: 'grüße\r' });
    await link.input(id, { base64: Buffer.from('漢字\r').toString('base64') });
    await until(() => linesRead(followed.events).includes('漢字'), 'both lines were read');
    await link.resize(id, { cols: 101, rows: 31 });
    await link.input(id, { text: 'size\r' });
    await until(() => linesRead(followed.events).length === 3, 'the program said its size');
    await link.cancel(id, 'enough');
    await followed.ended();
    expect(linesRead(followed.events)).toEqual(['grüße', '漢字', '31 101']);
    expect(await service.finished(id)).toMatchObject({ status: 'cancelled' });
  });

  it('reach the program once when they are typed while the connection is away', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    const followed = collect(link, id);
    await followed.started();
    proxy.refuse();
    proxy.cut();
    await isNow(link, 'waiting');
    const typed = ['a', 'b', '\r', 'c\r'].map((text) => link.input(id, { text }));
    proxy.pass();
    await Promise.all(typed);
    await link.input(id, { text: 'end\r' });
    await followed.ended();
    expect(linesRead(followed.events)).toEqual(['ab', 'c', 'end']);
  });

  it('reach the program once when the connection breaks before the answer', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    const followed = collect(link, id);
    await followed.started();
    proxy.stall('answers');
    const typed = [link.input(id, { text: 'once\r' }), link.input(id, { text: 'more\r' })];
    await until(async () => linesRead(await service.events(id)).includes('once'), 'the program read it');
    expect(linesRead(followed.events)).toEqual([]);
    proxy.cut();
    await Promise.all(typed);
    await link.input(id, { text: 'end\r' });
    await followed.ended();
    expect(linesRead(followed.events)).toEqual(['once', 'more', 'end']);
  });

  it('reach the program once and in their order, wherever the connection is cut', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    const followed = collect(link, id);
    await followed.started();
    const wanted = Array.from({ length: 300 }, (_, index) => `line ${index}`);
    const typed: Promise<void>[] = [];
    for (const [index, line] of wanted.entries()) {
      for (const text of [line.slice(0, 3), line.slice(3), '\r']) typed.push(link.input(id, { text }));
      if (index % 3 === 0) await typed.at(-1 - Math.floor(Math.random() * 6))?.catch(() => {});
      if (index % 10 === 9) proxy.cut();
    }
    await Promise.all(typed);
    await link.input(id, { text: 'end\r' });
    await followed.ended();
    expect(proxy.connections).toBeGreaterThan(10);
    expect(linesRead(followed.events)).toEqual([...wanted, 'end']);
  });

  it('are refused by the service with its reason', async () => {
    const { job } = await service.run({ type: 'command', shell: 'true' });
    const link = openLink();
    expect(await refusal(link.input(job.id, { text: 'x' }))).toBe('job_not_running');
    expect(await refusal(link.input(unknownJob, { text: 'x' }))).toBe('job_not_found');
    expect(await refusal(link.cancel(unknownJob))).toBe('job_not_found');
    expect(await refusal(link.cancel(job.id))).toBe('done');
  });

  it('that would end the connection are not sent', async () => {
    const link = openLink();
    await isNow(link, 'live');
    expect(await refusal(link.input('job_x', { text: 'x' }))).toBe('job_not_found');
    expect(await refusal(link.input(unknownJob, { text: '' }))).toBe('validation_failed');
    expect(await refusal(link.input(unknownJob, { text: '\0'.repeat(100_000) }))).toBe('payload_too_large');
    expect(await refusal(link.resize(unknownJob, { cols: 0, rows: 24 }))).toBe('validation_failed');
    expect(link.state.kind).toBe('live');
    expect(proxy.connections).toBe(1);
  });

  it('wait for the connection in bounds, and are refused beyond', async () => {
    proxy.refuse();
    const link = openLink();
    const { liveHeldCharactersMax, liveHeldMessagesMax } = limits;
    const waiting = Array.from({ length: liveHeldMessagesMax }, () =>
      refusal(link.input(unknownJob, { text: 'x' })),
    );
    expect(await refusal(link.input(unknownJob, { text: 'x' }))).toBe('input_overflow');
    link.close();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['request_timeout']));
    const other = openLink();
    const large = { text: 'x'.repeat(liveHeldCharactersMax / 16) };
    const sent = Array.from({ length: 16 }, () => refusal(other.input(unknownJob, large)));
    const first = sent[0];
    expect(await sent.at(-1)).toBe('input_overflow');
    proxy.pass();
    expect(await first).toBe('job_not_found');
  });

  it('say that they may have taken effect when the link is closed before their answer', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    await collect(link, id).started();
    proxy.stall();
    const outcomes = [refusal(link.input(id, { text: 'x' })), refusal(link.input(id, { text: 'y' }))];
    link.close();
    expect(await Promise.all(outcomes)).toEqual(['outcome_unknown', 'request_timeout']);
    expect(await refusal(link.cancel(id))).toBe('request_timeout');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  });
});

describe('the connection of a live link', () => {
  it('says since when it is away and when it tries again, and is tried at once on demand', async () => {
    const window = new EventTarget();
    const link = openLink({ timing: { ...timing, retryMsMin: 60_000, retryMsMax: 60_000 }, window });
    const states: LinkState[] = [];
    link.onState((state) => states.push(state));
    await isNow(link, 'live');
    const before = Date.now();
    for (const tryNow of [() => link.reconnectNow(), () => window.dispatchEvent(new Event('online'))]) {
      proxy.cut();
      await isNow(link, 'waiting');
      tryNow();
      await isNow(link, 'live');
    }
    expect(states.map(({ kind }) => kind)).toEqual([
      'live',
      'waiting',
      'connecting',
      'live',
      'waiting',
      'connecting',
      'live',
    ]);
    const [, waiting, connecting] = states;
    if (waiting?.kind !== 'waiting' || connecting?.kind !== 'connecting') throw new TypeError('see above');
    expect(waiting.sinceMs).toBeGreaterThanOrEqual(before);
    expect(waiting.retryAtMs - Date.now()).toBeGreaterThan(1000);
    expect(connecting.sinceMs).toBe(waiting.sinceMs);
  });

  it('is made anew when it is silent and does not answer', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink({ timing: { ...timing, silenceMs: 300, answerMs: 1000 } });
    const followed = collect(link, id);
    await followed.started();
    const made = proxy.connections;
    proxy.stall();
    const typed = link.input(id, { text: 'end\r' });
    await until(() => proxy.connections > made, 'another connection is made');
    await typed;
    await followed.ended();
    expect(followed.events).toEqual(await service.events(id));
  });

  it('is kept while it answers, however quiet it is', async () => {
    let pings = 0;
    const link = openLink({
      timing: { ...timing, silenceMs: 100 },
      connect: (address, protocol) => {
        const socket = new WebSocket(address, protocol, { headers: { authorization: `Bearer ${apiKey}` } });
        const send = socket.send.bind(socket);
        socket.send = (text: string) => {
          if (text.includes('"ping"')) pings += 1;
          send(text);
        };
        return socket;
      },
    });
    await until(() => pings >= 5, 'it was asked again and again');
    expect(link.state.kind).toBe('live');
    expect(proxy.connections).toBe(1);
  });

  it('is given up when the handshake is not answered, and neither is HTTP', async () => {
    proxy.swallow();
    const link = openLink({ timing: { ...timing, answerMs: 500 } });
    await isNow(link, 'waiting');
    proxy.pass();
    await isNow(link, 'live');
  });

  it('is refused for who is not signed in, and tried again on demand', async () => {
    const { url: baseUrl } = proxy;
    let key = 'wrong';
    const link = openLink({
      connect: (address, protocol) =>
        new WebSocket(address, protocol, { headers: { authorization: `Bearer ${key}` } }),
      probe: (signal) => createClient({ baseUrl, key }).queue({ signal }),
    });
    const typed = refusal(link.input(unknownJob, { text: 'x' }));
    await isNow(link, 'refused');
    expect(link.state).toMatchObject({ problem: { status: 401, code: 'unauthenticated' } });
    expect(await typed).toBe('unauthenticated');
    expect(await refusal(link.cancel(unknownJob))).toBe('unauthenticated');
    key = apiKey;
    link.reconnectNow();
    await isNow(link, 'live');
    expect(await refusal(link.cancel(unknownJob))).toBe('job_not_found');
  });

  it('is asked of the platform where nothing else is given', async () => {
    const { url: baseUrl } = proxy;
    const link = openLiveLink({ client: createClient({ baseUrl }), baseUrl, timing });
    links.push(link);
    await isNow(link, 'refused'); // Node's own WebSocket has no cookie
  });

  it('waits where nobody answers, rather than taking it for a refusal', async () => {
    proxy.refuse();
    const link = openLink();
    const states: string[] = [];
    link.onState(({ kind }) => states.push(kind));
    await until(() => states.filter((kind) => kind === 'waiting').length >= 3, 'it tried three times');
    expect(states).not.toContain('refused');
  });

  it('resumes where another process of the service took the place of one that stopped', async () => {
    const first = await service.addApi();
    proxy.leadTo(first.baseUrl);
    const { id } = await service.submit(readsLines);
    const link = openLink();
    const followed = collect(link, id);
    await followed.started();
    await link.input(id, { text: 'before\r' });
    proxy.refuse();
    await first.close();
    await isNow(link, 'waiting');
    const typed = link.input(id, { text: 'between\r' });
    proxy.leadTo((await service.addApi()).baseUrl);
    proxy.pass();
    await typed;
    await link.input(id, { text: 'end\r' });
    await followed.ended();
    expect(followed.events).toEqual(await service.events(id));
    expect(linesRead(followed.events)).toEqual(['before', 'between', 'end']);
  });
});

describe('the bell over a live link', () => {
  it('rings for every job, and says on each connection that rings may have been missed', async () => {
    const link = openLink();
    const heard: string[] = [];
    let missed = 0;
    const stop = link.onFeed({
      ring: ({ data: { job, status } }) => heard.push(`${job} ${status}`),
      missed: () => {
        missed += 1;
      },
    });
    await until(() => missed === 1, 'the list is to be fetched');
    for (const again of [2, 3]) {
      proxy.cut();
      await until(() => missed === again, 'the list is to be fetched again');
    }
    const { job } = await service.run({ type: 'command', shell: 'true' });
    await until(() => heard.includes(`${job.id} succeeded`), 'it rang');
    let late = 0;
    link.onFeed({ ring: () => {}, missed: () => (late += 1) });
    await until(() => late === 1, 'a later listener is told to fetch the list, too');
    expect(missed).toBe(3);
    stop();
    proxy.cut();
    await until(() => late === 2, 'it goes on for the later listener');
    expect(missed).toBe(3);
  });
});

describe('a live link that is closed', () => {
  it('says nothing any more', async () => {
    const { id } = await service.submit(readsLines);
    const link = openLink();
    const followed = collect(link, id);
    await followed.started();
    const states: string[] = [];
    link.onState(({ kind }) => states.push(kind));
    link.close();
    link.close();
    link.reconnectNow();
    const had = followed.events.length;
    await service.request(`/v1/jobs/${id}/input`, { body: { text: 'end\r' } });
    await service.finished(id);
    expect(followed.events).toHaveLength(had);
    expect(states).toEqual(['closed']);
    expect(collect(link, id).events).toEqual([]);
  });

  it.each([
    ['live', () => {}],
    ['connecting', () => proxy.swallow()],
    ['waiting', () => proxy.refuse()],
  ])('while it is %s leaves nothing that keeps a process alive', async (state, prepare) => {
    prepare();
    const path = fileURLToPath(new URL('../fixtures/live-link.ts', import.meta.url));
    const child = spawn(process.execPath, [path, proxy.url, apiKey, state], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill());
    let said = '';
    child.stdout.on('data', (bytes) => {
      said += bytes;
    });
    const saidAt = once(child.stdout, 'data').then(() => performance.now());
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(performance.now() - (await saidAt)).toBeLessThan(20_000); // the package's own patience is 30 s
    expect(said).toBe('closed ClientProblem');
  });
});
