import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Screen as ScreenAnswer } from '../../src/contract/screen.ts';
import type { ServerMessage } from '../../src/contract/stream.ts';
import { Screen } from '../../src/screen/screen.ts';
import { outputOf, startService, type TestService } from '../support/service.ts';
import { openSse, type SseMessage } from '../support/sse.ts';
import { until } from '../support/until.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const command = (shell: string, more = {}) => ({
  type: 'command' as const,
  argv: ['bash', '-c', shell],
  interactive: true,
  ...more,
});

async function screenOf(id: string): Promise<ScreenAnswer> {
  const response = await service.request(`/v1/jobs/${id}/screen`);
  expect(response.status).toBe(200);
  return (await response.json()) as ScreenAnswer;
}

/** What all the output of a job gives in a fresh terminal. */
async function drawn(events: readonly JobEvent[], size = { cols: 80, rows: 24 }): Promise<string> {
  const screen = new Screen({ ...size, scrollback: 200 });
  await screen.write(outputOf(events));
  return screen.read().text;
}

/** Far more than lies between two screens that are kept, then a drawing. */
const flood = `seq 1 200000; printf '\\033[2J\\033[5;10Hhere\\033[31m'; sleep 0.2; echo ' and there'`;

describe('The screen of an interactive command', () => {
  it('shows what a terminal would, while it runs and after', async () => {
    const { id } = await service.submit(command(`printf 'one\\033[3;4Htwo'; read -r; printf ' three'`));
    await until(
      async () => (await service.request(`/v1/jobs/${id}/screen`)).status === 200,
      'it has a screen',
    );
    await until(async () => (await screenOf(id)).text.includes('two'), 'it is drawn');
    expect(await screenOf(id)).toMatchObject({
      cols: 80,
      rows: 24,
      whole: true,
      position: { x: 6, y: 2 },
      text: `one\n\n   two${'\n'.repeat(21)}`,
    });
    await service.request(`/v1/jobs/${id}/input`, { body: { text: '\r' } });
    const job = await service.finished(id);
    expect(await screenOf(id)).toMatchObject({ cursor: job.cursor, text: expect.stringContaining('three') });
  });

  it('is refused where its lines are moved about without end, and nobody else waits for that', async () => {
    const { id } = await service.submit(
      command(`perl -e 'print "\\e[500L" x 5000'`, { cols: 1000, rows: 500 }),
    );
    await service.finished(id);
    let answers = 0;
    const screen = service.request(`/v1/jobs/${id}/screen`);
    const settled = screen.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([settled, service.request('/healthz').then(() => false)]))) answers += 1;
    expect(await (await screen).json()).toMatchObject({ code: 'no_screen' });
    expect(answers).toBeGreaterThan(10);
  });

  it('is drawn from the one that was kept last, however much came before', async () => {
    const { job, events } = await service.run(command(flood));
    const screen = await screenOf(job.id);
    expect(screen.whole).toBe(true);
    expect(screen.text.split('\n')[4]).toBe('         here and there');
    expect(screen.text).toBe(await drawn(events));
  });

  it('has the size that its program was given', async () => {
    const { id } = await service.submit(command('stty size; read -r; stty size', { cols: 100, rows: 30 }));
    await until(async () => outputOf(await service.events(id)).includes('30 100'), 'it runs');
    await service.request(`/v1/jobs/${id}/resize`, { body: { cols: 60, rows: 20 } });
    await service.request(`/v1/jobs/${id}/input`, { body: { text: '\r' } });
    await service.finished(id);
    const screen = await screenOf(id);
    expect(screen).toMatchObject({ cols: 60, rows: 20 });
    expect(screen.text).toContain('20 60');
  });

  it('is none of a command without a terminal, of a prompt, and of no job', async () => {
    const ended = [
      await service.run({ type: 'command', shell: 'true' }),
      await service.run({ type: 'prompt', model: 'demo/echo', prompt: 'hi' }),
    ];
    for (const { job } of ended) {
      const response = await service.request(`/v1/jobs/${job.id}/screen`);
      expect(response.status).toBe(409);
      expect(await response.json()).toMatchObject({
        code: 'no_screen',
        detail: expect.stringContaining(job.id),
      });
    }
    const delayed = await service.submit(command('true', { delayMs: 60_000 }));
    expect((await service.request(`/v1/jobs/${delayed.id}/screen`)).status).toBe(409);
    expect((await service.request('/v1/jobs/job_00000000000000000000000000/screen')).status).toBe(404);
  });

  it('answers what its program asks the terminal, once', async () => {
    const ask = `stty raw -echo; printf '\\033[4;7H\\033[6n\\033]11;?\\033\\\\'; sleep 0.5; dd bs=1000 count=1 2>/dev/null | od -An -c`;
    const { events } = await service.run(command(`${ask}; timeout 0.3 cat | wc -c`));
    const text = outputOf(events).replaceAll(/\s+/g, '');
    expect(text).toContain('033[4;7R033]11;rgb:0000/0000/0000033\\');
    expect(text.endsWith('\\0')).toBe(true);
  });
});

describe('A reader that asks for the screen', () => {
  it('gets it in place of what came before, and then each event once, as SSE and over a WebSocket', async () => {
    const { id } = await service.submit(command(`${flood}; read -r; echo over`));
    const text = async () => (await (await service.request(`/v1/jobs/${id}/screen`)).json()).text ?? '';
    await until(async () => (await text()).includes('there'), 'all of it is drawn');
    const reading = Promise.all([followAtScreen(id), socketAtScreen(id)]);
    await service.request(`/v1/jobs/${id}/input`, { body: { text: '\r' } });
    await service.finished(id);
    const events = await service.events(id);
    for (const { screen, after } of await reading) {
      expect(screen).toMatchObject({ job: id, cols: 80, rows: 24 });
      const known = events.findIndex((event) => event.id === screen.cursor);
      expect(known).toBeGreaterThan(events.length / 2);
      expect(after).toEqual(events.slice(known + 1));
      const restored = new Screen({ cols: 80, rows: 24, scrollback: 200 });
      await restored.write(screen.serialized);
      await restored.write(outputOf(after));
      expect(restored.read().text).toBe(await drawn(events));
    }
  });

  it('begins at the start where none was kept, or where it knows a place', async () => {
    const { job, events } = await service.run(command('echo hello'));
    const frames = await streamOf(job.id, '');
    expect(frames.filter(isEvent).map(eventOf)).toEqual(events);
    expect(frames.map(({ event }) => event)).not.toContain('screen.snapshot');

    const { job: long, events: all } = await service.run(command(flood));
    const first = all[0]?.id ?? '';
    const resumed = await streamOf(long.id, `&after=${first}`);
    expect(resumed.filter(isEvent).map(eventOf)).toEqual(all.slice(1));
  });
});

const isEvent = ({ event, data }: SseMessage) => event !== undefined && 'key' in JSON.parse(data);
const eventOf = ({ data }: SseMessage): JobEvent => JSON.parse(data);
const streamOf = (id: string, more: string) =>
  openSse(`${service.baseUrl}/v1/jobs/${id}/events?screen=true${more}`, {
    authorization: `Bearer ${service.config.apiKey}`,
  }).all();

type ScreenData = { job: string; cols: number; rows: number; serialized: string; cursor: string };

async function followAtScreen(id: string): Promise<{ screen: ScreenData; after: JobEvent[] }> {
  const [first, ...rest] = (await streamOf(id, '')).filter(({ event }) => event !== undefined);
  expect(first).toMatchObject({ event: 'screen.snapshot', id: undefined });
  return { screen: JSON.parse(first?.data ?? ''), after: rest.filter(isEvent).map(eventOf) };
}

async function socketAtScreen(id: string): Promise<{ screen: ScreenData; after: JobEvent[] }> {
  const socket = new WebSocket(`${service.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
    headers: { authorization: `Bearer ${service.config.apiKey}` },
  });
  const after: JobEvent[] = [];
  const screens: ScreenData[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ op: 'subscribe', job: id, screen: true })));
    socket.on('message', (bytes) => {
      const message: ServerMessage = JSON.parse(bytes.toString());
      if (message.op === 'control' && message.type === 'screen.snapshot')
        screens.push(message.data as ScreenData);
      if (message.op !== 'event' || message.event.type === 'job.changed') return;
      after.push(message.event as JobEvent);
      if (message.event.type === 'job.ended') resolve();
    });
  });
  socket.close();
  expect(screens).toHaveLength(1);
  return { screen: screens[0]!, after };
}
