import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { startFakeAnthropic } from '../fakes/anthropic.ts';
import type { FakeProvider } from '../fakes/scene.ts';
import { processorMs } from '../faults/process-facts.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';

let fake: FakeProvider;
let cluster: Cluster;
afterEach(async () => {
  await cluster.close();
  await fake.close();
});

const usage = { inputTokens: 10, outputTokens: 5 };
const prompt = { type: 'prompt', model: 'anthropic/fake-1', prompt: 'hi', attempts: 1 } as const;

describe('A rate limit met by 200 jobs on 10 slots', () => {
  it('ends them all, none lost, with few calls and an idle worker while they wait', async () => {
    let resetAtMs = Number.POSITIVE_INFINITY;
    fake = await startFakeAnthropic({
      improvise: () =>
        Date.now() >= resetAtMs
          ? { kind: 'answer', steps: [{ text: 'ok' }], usage }
          : { kind: 'refusal', status: 429, headers: { 'retry-after': '8' } },
    });
    const environment = { ANTHROPIC_BASE_URL: fake.baseUrl, LLMMIXER_CONCURRENCY: '10' };
    cluster = await startCluster({ apis: 1, workers: 1, environment });
    const jobs = await Promise.all(Array.from({ length: 200 }, () => cluster.client.submit(prompt)));
    const waiting = async () => (await cluster.client.queue()).delayed;
    await expect.poll(waiting).toBe(200);
    resetAtMs = 0;
    const refused = fake.requests.length;
    const share = await processorShare(cluster.workers[0]?.pid ?? 0, 2000);
    process.stderr.write(`worker while 200 jobs are parked: ${(share * 100).toFixed(1)} % of a processor\n`);
    const done = await Promise.all(jobs.map(({ id }) => cluster.finished(id)));
    expect(done.filter(({ status }) => status === 'succeeded')).toHaveLength(200);
    expect(refused).toBeLessThanOrEqual(20);
    expect(fake.requests.length).toBe(200 + refused);
    expect(share).toBeLessThan(0.5); // 0.05 is meant
  });
});

describe('A worker that is killed in the middle of an answer', () => {
  it('has it taken back and given again by another, and what was used is counted', async () => {
    fake = await startFakeAnthropic();
    cluster = await startCluster({ apis: 1, workers: 2, environment: { ANTHROPIC_BASE_URL: fake.baseUrl } });
    fake.script(
      { kind: 'answer', steps: [{ text: 'half an ans' }], usage, ending: 'stall' },
      { kind: 'answer', steps: [{ text: 'whole' }], usage },
    );
    const { id } = await cluster.client.submit(prompt);
    await expect
      .poll(async () => JSON.stringify((await cluster.client.job(id)).usage))
      .toContain('"inputTokens":10');
    // The text may be a moment behind the usage; what no one has read is not taken back.
    await expect.poll(async () => JSON.stringify(await firstEvents(id))).toContain('half an ans');
    const started = (await firstEvents(id)).find(({ type }) => type === 'job.started');
    const name = started?.type === 'job.started' ? started.data.worker : '';
    await cluster.workers.find((worker) => worker.id === name)?.kill();
    const job = await cluster.finished(id);
    expect(job).toMatchObject({ status: 'succeeded', attempt: 2, result: { text: 'whole' } });
    expect(job.usage).toMatchObject({ inputTokens: 20, outputTokens: expect.any(Number) });
    const types = (await cluster.follow(id)).map(({ type }) => type);
    expect(types.indexOf('output.reset')).toBeGreaterThan(types.indexOf('text.delta'));
    const { total } = await cluster.client.usage();
    expect(total).toMatchObject({ calls: 2, inputTokens: 20 });
  });
});

async function firstEvents(id: string): Promise<JobEvent[]> {
  const response = await fetch(`${cluster.apis[0]?.baseUrl}/v1/jobs/${id}/events`, {
    headers: { ...cluster.headers, accept: 'application/json' },
  });
  return (await response.json()).events;
}

/** Of one processor, over so long. */
async function processorShare(pid: number, ms: number): Promise<number> {
  const before = processorMs(pid);
  await sleep(ms);
  return (processorMs(pid) - before) / ms;
}
