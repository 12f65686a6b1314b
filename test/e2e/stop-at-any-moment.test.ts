import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobSubmission } from '../../src/contract/job.ts';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { openLogConnection } from '../../src/store/redis.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { startAttempt } from '../support/job.ts';
import { startLlmmixer } from '../support/llmmixer-process.ts';
import { listProcesses } from '../support/processes.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
let slow: FaultProxy;
beforeAll(async () => {
  service = await startService({ workers: 0 });
  slow = await startFaultProxy(service.redisUrl);
});
afterAll(async () => {
  await service.close();
  await slow.close();
});

/** What an attempt asks of Redis before its work begins, in this order. */
const questions = {
  'asks to begin': new RegExp(`\r\n${limits.leaseMs}\r\n\\$\\d+\r\n${limits.takeoverNoticeMs}\r\n`),
  'reads the job': /\r\nretryOf\r\n/,
  'reads the secrets': /\r\nsealed\r\n/,
  'tells of its start': /\r\njob\.started\r\n/,
};
type Moment = keyof typeof questions;
const command: JobSubmission = { type: 'command', shell: 'echo run >> runs; cat runs' };
const prompt: JobSubmission = { type: 'prompt', model: 'demo/echo', prompt: 'one two' };

describe('a worker that is stopped while an attempt', () => {
  it.each<[Moment, JobSubmission['type'], JobSubmission]>([
    ['asks to begin', 'command', command],
    ['reads the job', 'command', command],
    ['reads the secrets', 'command', command],
    ['tells of its start', 'command', command],
    ['asks to begin', 'prompt', prompt],
    ['reads the job', 'prompt', prompt],
    ['tells of its start', 'prompt', prompt],
  ])('%s gives its %s back without any of its time, and the next worker runs it', async (moment, _, job) => {
    const worker = await service.addWorker({ redisUrl: slow.url, drainMs: limits.drainMsMax });
    const answer = slow.holdAnswer(questions[moment]);
    const { id } = await service.submit(job);
    await answer.asked;
    const closed = worker.close();
    answer.release();
    await closed;
    const events = await service.events(id);
    expect(events.slice(-2)).toMatchObject([
      { type: 'attempt.failed', attempt: 1, data: { error: { code: 'worker_draining' }, retryInMs: 0 } },
      { type: 'job.delayed', data: { reason: 'worker_draining' } },
    ]);
    expect(existsSync(join(service.config.dataDir, 'workspaces', id, 'runs'))).toBe(false);

    const next = await service.addWorker();
    expect(await service.finished(id)).toMatchObject({ status: 'succeeded', attempt: 2 });
    if (job.type === 'command') expect(outputOf(await service.events(id))).toBe('run\n');
    await next.close();
  });

  it('asks to begin does not give back a command that was started before and lost: it has ended', async () => {
    const { id } = await service.submit(command);
    const connection = openLogConnection(service.redisUrl);
    await connection.ready();
    await startAttempt(new EventLog(connection, { keepBytes: limits.keepBytesMin, keepMs: 60_000 }), id);
    // Its worker has been silent for long, and has had its notice.
    await connection.redis.hset(jobKeys(id).state, 'lease', 0, 'mark', 0);
    connection.close();
    const answer = slow.holdAnswer(questions['asks to begin']);
    const worker = await service.addWorker({ redisUrl: slow.url });
    await answer.asked;
    const closed = worker.close();
    answer.release();
    await closed;
    const lost = { status: 'failed', error: { code: 'worker_lost' } };
    expect((await service.events(id)).at(-1)).toMatchObject({ type: 'job.ended', attempt: 2, data: lost });
  });

  it('asks to begin leaves no process behind when it exits', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-stop-'));
    const environment = { REDIS_URL: slow.url, LLMMIXER_API_KEY: apiKey, LLMMIXER_DRAIN_MS: '600000' };
    const worker = startLlmmixer({ dataDir, command: ['worker'], environment });
    try {
      await until(() => worker.output().includes('is ready'), 'the worker is ready');
      const answer = slow.holdAnswer(questions['asks to begin']);
      const { id } = await service.submit({ type: 'command', shell: `: ${dataDir}; sleep 600; :` });
      await answer.asked;
      worker.child.kill('SIGTERM');
      await until(
        () => worker.errors().includes('waiting for the jobs that run'),
        'it waits for the attempt',
      );
      answer.release();
      expect(await worker.exited).toBe(0);
      expect((await listProcesses()).filter((each) => each.command.includes(dataDir))).toEqual([]);
      const types = (await service.events(id)).map(({ type }) => type);
      expect(types).toEqual(['job.queued', 'attempt.failed', 'job.delayed']);
      await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    } finally {
      worker.child.kill('SIGKILL');
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
    }
  });
});
