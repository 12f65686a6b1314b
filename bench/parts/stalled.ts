import { limits } from '../../src/contract/limits.ts';
import type { ApiCalls } from '../processes/api.ts';
import type { ReadersCalls } from '../processes/readers.ts';
import type { Row } from '../support/report.ts';
import { RunningJob } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Memory of the API for each of 100 subscribers that have stopped reading, while their job says 50 MB, beside
 * what such a one may have unsent: some that were live, and some that were still reading the history. The text
 * has three bytes a character, which a count of characters would take for less.
 */
export async function measureStalled(stage: Stage): Promise<Row[]> {
  return [
    ...(await stalledFrom(stage, { what: 'live', joinAt: 0 })),
    ...(await stalledFrom(stage, { what: 'in the history', joinAt: pieces / 2 })),
  ];
}

const stalled = 100;
const pieceBytes = 30 * 1024;
const piece = '\u4e2d'.repeat(pieceBytes / 3);
const pieces = Math.round((50 * 1024 * 1024) / pieceBytes / 2) * 2;
const lookEvery = 64;

async function stalledFrom(stage: Stage, { what, joinAt }: { what: string; joinAt: number }): Promise<Row[]> {
  const api = await stage.start<ApiCalls>('api');
  const readers = await stage.start<ReadersCalls>('readers');
  const job = await RunningJob.start(stage.log);
  const address = await api.ask('address');
  const before = await api.ask('memory');
  let worstBytes = 0;
  for (let count = 0; count < pieces; count += 1) {
    if (count === joinAt) await readers.ask('stall', { address, job: job.id, count: stalled });
    await job.append([piece]);
    if (count % lookEvery === 0) worstBytes = Math.max(worstBytes, await api.ask('resident'));
  }
  const after = await api.ask('memory');
  await Promise.all([api.close(), readers.close()]);
  const row = (which: string, bytes: number): Row => ({
    what: `stalled subscriber, ${what}, ${which}`,
    unit: 'MiB',
    ours: bytes / stalled / 2 ** 20,
    bare: limits.subscriberBytesMax / 2 ** 20,
    goal: { atMost: 1.3 },
  });
  return [
    row('heap', after.heapBytes - before.heapBytes),
    row('resident', after.rssBytes - before.rssBytes),
    row('resident at worst', worstBytes - before.rssBytes),
  ];
}
