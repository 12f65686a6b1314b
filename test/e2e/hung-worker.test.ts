import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  rmSync(root, { recursive: true });
});

describe('a worker that hangs past its lease', () => {
  it('loses its job to another, which ends the old run before it begins its own, and nothing late is stored', async () => {
    // Each run leaves a file with its own pid; only one of them may live at any time.
    const { id } = await service.submit({
      type: 'command',
      shell: `touch ${root}/$$; echo run; exec sleep 40`,
      cwd: root,
      rerun: 'always',
    });
    await expect.poll(() => readdirSync(root).length, { timeout: 20_000 }).toBe(1);
    const [first] = readdirSync(root).map(Number);
    const worker = await workerOf(id);
    process.kill(worker, 'SIGSTOP');
    try {
      await expect.poll(() => readdirSync(root).length, { timeout: 40_000, interval: 20 }).toBe(2);
      expect(isAlive(first ?? 0)).toBe(false);
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const after = await service.events(id);
    const types = after.map(({ type }) => type);
    expect(types.filter((type) => type === 'job.started').length).toBe(2);
    expect(after.slice(types.lastIndexOf('output.reset')).every(({ attempt }) => attempt === 2)).toBe(true);
    expect(outputOf(after.slice(types.lastIndexOf('output.reset')))).toBe('run\n');
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
