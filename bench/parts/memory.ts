import type { ApiCalls } from '../processes/api.ts';
import type { BareCalls } from '../processes/bare.ts';
import type { Memory } from '../processes/meter.ts';
import type { ReadersCalls } from '../processes/readers.ts';
import type { Ask } from '../support/calls.ts';
import { median, type Row } from '../support/report.ts';
import { RunningJob } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Memory of the serving process for each of 2,000 subscribers of a job that says nothing: the API, and a program
 * that holds as many responses open. Each sample is a process of its own.
 */
export async function measureMemory(stage: Stage): Promise<Row[]> {
  const job = await RunningJob.start(stage.log);
  const ours: Memory[] = [];
  const bare: Memory[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    ours.push(await perSubscriber(stage, { name: 'api', job: job.id, events: 2 }));
    bare.push(await perSubscriber(stage, { name: 'bare', job: job.id, events: 0 }));
  }
  const kib = (key: keyof Memory, memories: Memory[]) => median(memories.map((each) => each[key])) / 1024;
  const row = (what: string, key: keyof Memory): Row => ({
    what: `idle subscriber, ${what}`,
    unit: 'KiB',
    ours: kib(key, ours),
    bare: kib(key, bare),
    goal: { atMost: 1.3 },
  });
  return [row('resident', 'rssBytes'), row('heap', 'heapBytes')];
}

const samples = 3;
const subscribers = 2000;
/** They stay, and are not counted: what is made once, and what a heap grows by at first, is made for them. */
const forerunners = 1000;

async function perSubscriber(
  stage: Stage,
  { name, job, events }: { name: 'api' | 'bare'; job: string; events: number },
): Promise<Memory> {
  const server = await stage.start<ApiCalls | BareCalls>(name);
  const ask: Ask<Pick<ApiCalls & BareCalls, 'address' | 'memory'>> = server.ask;
  const readers = await stage.start<ReadersCalls>('readers');
  const address = await ask('address');
  const open = async (count: number) => {
    const group = await readers.ask('open', { transport: 'sse', job, address, count });
    await readers.ask('got', { group, events });
    return ask('memory');
  };
  const before = await open(forerunners);
  const after = await open(subscribers);
  await Promise.all([server.close(), readers.close()]);
  return {
    rssBytes: (after.rssBytes - before.rssBytes) / subscribers,
    heapBytes: (after.heapBytes - before.heapBytes) / subscribers,
  };
}
