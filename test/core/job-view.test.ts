import { describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { newJob, nextJob } from '../../src/core/job-view.ts';

const base = { key: 'job_x/w1/1', job: 'job_x', attempt: 1, at: '2026-01-01T00:00:01.000Z' };
const job = {
  ...newJob({
    id: 'job_x',
    spec: { type: 'command', shell: 'true' },
    createdAt: '2026-01-01T00:00:00.000Z',
    retryOf: null,
  }),
  cursor: '1-1',
};

describe('the resource of a job', () => {
  it('follows its events from the queue to the end', () => {
    const started = nextJob(job, { ...base, id: '1-2', type: 'job.started', data: { worker: 'w' } });
    expect(started).toMatchObject({ status: 'running', attempt: 1, startedAt: base.at, cursor: '1-2' });
    const failed = nextJob(started, {
      ...base,
      id: '1-3',
      type: 'attempt.failed',
      data: {
        error: {
          type: '/problems/timeout',
          title: 't',
          status: 504,
          detail: 'd',
          code: 'timeout',
          errors: [],
          retryable: true,
        },
      },
    });
    expect(failed.error?.code).toBe('timeout');
    const delayed = nextJob(failed, { ...base, id: '1-4', type: 'job.delayed', data: {} });
    expect(delayed.status).toBe('delayed');
    const ended = nextJob(delayed, {
      ...base,
      id: '1-5',
      type: 'job.ended',
      data: { status: 'succeeded', result: null, error: null, usage: null },
    });
    expect(ended).toMatchObject({ status: 'succeeded', error: null, finishedAt: base.at, cursor: '1-5' });
  });

  it('is not changed by output', () => {
    const event: JobEvent = {
      ...base,
      id: '1-2',
      type: 'output.delta',
      data: { stream: 'stdout', offset: 0, text: 'x' },
    };
    expect(nextJob(job, event)).toEqual({ ...job, cursor: '1-2' });
  });
});
