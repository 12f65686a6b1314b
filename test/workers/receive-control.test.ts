import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Control } from '../../src/contract/control.ts';
import type { EventDraft } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { createInbox, createWakeListener, type Inbox } from '../../src/store/inbox.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { connectRedis, type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { receiveControl } from '../../workers/receive-control.ts';
import { createJob, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { readAll, start, toolsWith } from './terminal/run-in-room.ts';

let connection: LogConnection;
let subscriber: ReturnType<typeof connectRedis>;
let log: EventLog;
beforeAll(async () => {
  const url = await emptyDatabase();
  connection = openLogConnection(url);
  subscriber = connectRedis(url, 'subscriber');
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
});
afterAll(() => {
  connection.close();
  subscriber.disconnect();
});

/** `cat` over pipes, which takes what is sent to a job of its own. */
async function openReception(inbox: Inbox) {
  const job = await createJob(log, { extra: { input: 'input' } });
  const identity = await startAttempt(log, job);
  const tools = toolsWith({ ptyModules: [], scriptFiles: [] });
  const command = await start({ argv: ['cat'] }, { tools });
  const output = readAll(command);
  const told: EventDraft[] = [];
  const wake = createWakeListener(subscriber);
  const emit = (draft: EventDraft) => void told.push(draft);
  const receiver = { inbox, wake, job, identity, emit, wantsApplicationCursor: () => false };
  onTestFinished(receiveControl(receiver, command));
  return { job, told, output };
}

const input = (text: string): Control => ({
  kind: 'input',
  base64: Buffer.from(text).toString('base64'),
  by: 'test',
});

const lostMax = 3;

describe('the room in an inbox', () => {
  it.each(['request', 'answer'])('is given back though the %s that frees it is lost', async (lost) => {
    const inbox = createInbox(connection);
    let asked = 0;
    const lossy: Inbox = {
      ...inbox,
      taken: async (...args) => {
        asked += 1;
        if (asked > lostMax || lost === 'answer') await inbox.taken(...args);
        if (asked <= lostMax) throw new TypeError(`the ${lost} was lost`);
      },
    };
    const { job, told, output } = await openReception(lossy);
    const most = limits.inputQueueBytesMax;
    await inbox.send(job, input('a'.repeat(most)));
    await expect
      .poll(() => inbox.send(job, input('b\n'.repeat(most / 2))), { timeout: 20_000 })
      .toEqual({ kind: 'OK' });
    await expect.poll(() => asked, { timeout: 20_000 }).toBe(lostMax + 2);
    await expect.poll(() => connection.redis.hget(jobKeys(job).state, 'ib'), { timeout: 20_000 }).toBe('0');
    await inbox.send(job, { kind: 'eof', by: 'test' });
    expect((await output).length).toBe(2 * most);
    expect(told.map(({ type }) => type)).toEqual(['input.accepted', 'input.accepted', 'input.accepted']);
  });
});
