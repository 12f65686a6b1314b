import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import { Screen } from '../../src/screen/screen.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { KeptOutput } from '../../workers/kept-output.ts';
import { EventPublisher } from '../../workers/publish-events.ts';
import { Screens } from '../../workers/screen/screens.ts';
import { Transcript } from '../../workers/transcript.ts';
import { createJob, endedDraft, newToken, startedDraft } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

const size = { cols: 80, rows: 24 };
let connection: LogConnection;
let log: EventLog;
let screens: Screens;
beforeAll(async () => {
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 });
  screens = new Screens(pino({ level: 'silent' }));
});
afterAll(async () => {
  await screens.close();
  connection.close();
});

async function openTranscript() {
  const job = await createJob(log);
  const token = newToken();
  await log.begin(job, token, new Date().toISOString());
  const publisher = new EventPublisher({
    log,
    job,
    identity: { attempt: 1, token },
    onCancel: () => {},
    onFenced: () => {},
    onChange: () => {},
  });
  await publisher.start(startedDraft);
  const answers: string[] = [];
  const transcript = new Transcript(
    publisher,
    screens.open(size, (text) => answers.push(text)),
  );
  const end = async () => {
    await transcript.end();
    await publisher.final(endedDraft());
    return eventsOf(job);
  };
  return { job, transcript, answers, end };
}

async function eventsOf(job: string): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for (;;) {
    const page = await log.read(job, events.length, 1000);
    if (page === null || page.entries.length === 0) return events;
    events.push(...page.entries.map(({ payload }): JobEvent => JSON.parse(payload)));
  }
}
const output = (text: string) => ({
  type: 'output.delta' as const,
  data: { stream: 'tty' as const, offset: 0, text },
});

describe('a transcript', () => {
  it('tells the log all in order, and keeps the screen as it is behind one of its events', async () => {
    const { job, transcript, end } = await openTranscript();
    const wide = { cols: 100, rows: 30, by: 'key_1' };
    for (let line = 0; line < 3000; line += 1) {
      transcript.emit(output(`${line}${'.'.repeat(200)}\x1b[K\r\n`));
      if (line === 1500) transcript.emit({ type: 'terminal.resized', data: wide });
      // One event a write, so that what is joined does not hide an order that is lost.
      if (line % 100 === 0) transcript.emit({ type: 'input.accepted', data: { bytes: line, by: 'key_1' } });
    }
    const events = await end();
    const written = events.filter((event) => event.type === 'output.delta');
    const text = written.map(({ data }) => data.text).join('');
    expect([...text.matchAll(/(\d+)\./g)].map(([, line]) => Number(line))).toEqual(
      Array.from({ length: 3000 }, (_, line) => line),
    );
    const kept = await log.screen(job);
    const whole = new Screen({ ...size, scrollback: limits.screenScrollback });
    for (const event of events.slice(0, kept?.seq)) {
      if (event.type === 'output.delta') await whole.write(event.data.text ?? '');
      if (event.type === 'terminal.resized') whole.resize(event.data);
    }
    expect(kept).toMatchObject(whole.snapshot(limits.screenCharactersMax) ?? {});
    expect(kept).toMatchObject({ cols: 100, rows: 30 });
  });

  it('answers what is asked in output that is kept no longer, and keeps no screen of it', async () => {
    const { job, transcript, answers, end } = await openTranscript();
    const kept = new KeptOutput(transcript, 1000);
    const write = (text: string) => kept.take({ stream: 'tty', text });
    write('x'.repeat(990));
    write(`kept until here, and not\x1b[H\x1b[6n`);
    write('\x1b[4;7H\x1b[6n');
    await until(() => answers.length === 2, 'both are answered');
    expect(answers).toEqual(['\x1b[1;1R', '\x1b[4;7R']);
    for (let bytes = 0; bytes < 2 * limits.screenEveryBytes; bytes += 400)
      transcript.emit({ type: 'input.accepted', data: { bytes, by: 'k'.repeat(100) } });
    const events = await end();
    const texts = events.map((event) => (event.type === 'output.delta' ? event.data.text : ''));
    expect(texts.join('')).toBe(`${'x'.repeat(990)}kept until`);
    expect(events.filter(({ type }) => type === 'output.truncated')).toHaveLength(1);
    expect(await log.screen(job)).toBeNull();
  });
});
