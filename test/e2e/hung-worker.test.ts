import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { outputOf } from '../support/service.ts';
import { isAlive, startWholeService, type WholeService } from '../support/whole-service.ts';

let root: string;
let service: WholeService;
beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'llmmixer-hung-')));
  service = await startWholeService({ LLMMIXER_WORKERS: '2', LLMMIXER_WORK_ROOTS: root });
});
afterAll(async () => {
  await service.stop();
  rmSync(root, { recursive: true, maxRetries: 20 });
});

describe('a worker that hangs past its lease', () => {
  it('loses its job to another, which ends the old run before it begins its own, and nothing late is stored', async () => {
    // Each run writes its pid for as long as it lives, so the file shows in which order they lived.
    const { id } = await service.submit({
      type: 'command',
      shell: `echo run; while :; do echo $$ >> ${root}/pulse; sleep 0.02; done`,
      cwd: root,
      rerun: 'always',
    });
    await expect.poll(livedInTurn).toHaveLength(1);
    const [first] = livedInTurn();
    const worker = await workerOf(id);
    process.kill(worker, 'SIGSTOP');
    try {
      await expect.poll(livedInTurn, { timeout: 60_000 }).toHaveLength(2);
      await expect.poll(() => isAlive(first ?? 0)).toBe(false);
      const outputOfSecond = async () => outputOf(eventsOfSecond(await service.events(id)));
      await expect.poll(outputOfSecond).toBe('run\n');
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    await new Promise((resolve) => setTimeout(resolve, 1000)); // for what comes late
    const after = await service.events(id);
    expect(after.filter(({ type }) => type === 'job.started').length).toBe(2);
    expect(eventsOfSecond(after).every(({ attempt }) => attempt === 2)).toBe(true);
    expect(outputOf(eventsOfSecond(after))).toBe('run\n');
    expect(livedInTurn()).toHaveLength(2);
    await cancel(id);
    expect(await service.finished(id)).toMatchObject({ status: 'cancelled', attempt: 2 });
  }, 120_000);

  it('has its cancelled job ended by another, which ends what still runs first', async () => {
    const folder = join(root, 'cancelled');
    mkdirSync(folder);
    const { id } = await service.submit({
      type: 'command',
      shell: `touch $$; trap '' INT TERM; while :; do sleep 1; done`,
      cwd: folder,
    });
    await expect.poll(() => readdirSync(folder).length, { timeout: 20_000 }).toBe(1);
    const [program] = readdirSync(folder).map(Number);
    const worker = await workerOf(id);
    process.kill(worker, 'SIGSTOP');
    try {
      await cancel(id);
      expect(await service.finished(id)).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
      expect(isAlive(program ?? 0)).toBe(false);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
  }, 120_000);
});

/** The process that runs the job. */
async function workerOf(id: string): Promise<number> {
  const started = (await service.events(id)).find((event) => event.type === 'job.started');
  return Number(started?.type === 'job.started' ? started.data.worker.split('-').at(-2) : 0);
}

function cancel(id: string): Promise<Response> {
  return fetch(`${service.baseUrl}/v1/jobs/${id}/cancel`, {
    method: 'POST',
    headers: service.headers,
    body: '{}',
  });
}

/** The runs by their pid, in the order they wrote; one that wrote again after another is there twice. */
function livedInTurn(): number[] {
  const file = join(root, 'pulse');
  const pids = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
  return pids.filter((pid, index) => pid !== pids[index - 1]);
}

function eventsOfSecond(events: readonly JobEvent[]): readonly JobEvent[] {
  return events.slice(events.findLastIndex(({ type }) => type === 'output.reset'));
}
