import { limits } from '../../src/contract/limits.ts';
import type { ApiCalls } from '../processes/api.ts';
import type { ReadersCalls } from '../processes/readers.ts';
import type { Row } from '../support/report.ts';
import { RunningJob } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Memory of the API for each of 100 subscribers that have stopped reading, while their job says 50 MB, beside
 * what such a one may have unsent. Text of three bytes a character, which a count of characters takes for less.
 */
export async function measureStalled(stage: Stage): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, character] of [
    ['plain text', 'x'],
    ['text of three bytes a character', '\u4e2d'],
  ] as const) {
    const api = await stage.start<ApiCalls>('api');
    const readers = await stage.start<ReadersCalls>('readers');
    const job = await RunningJob.start(stage.log);
    const address = await api.ask('address');
    const before = await api.ask('memory');
    await readers.ask('stall', { address, job: job.id, count: stalled });
    const piece = character.repeat(pieceBytes / Buffer.byteLength(character));
    let peakBytes = 0;
    for (let bytes = 0; bytes < jobBytes; bytes += pieceBytes) {
      await job.append([piece]);
      if ((bytes / pieceBytes) % 64 === 0) peakBytes = Math.max(peakBytes, await api.ask('resident'));
    }
    const after = await api.ask('memory');
    await Promise.all([api.close(), readers.close()]);
    const mib = (bytes: number) => bytes / stalled / 2 ** 20;
    const bound = limits.subscriberBytesMax / 2 ** 20;
    const goal = { atMost: 1.3 };
    rows.push(
      {
        what: `stalled subscriber, ${what}, resident`,
        unit: 'MiB',
        ours: mib(Math.max(peakBytes, after.rssBytes) - before.rssBytes),
        bare: bound,
        goal,
      },
      {
        what: `stalled subscriber, ${what}, heap`,
        unit: 'MiB',
        ours: mib(after.heapBytes - before.heapBytes),
        bare: bound,
        goal,
      },
    );
  }
  return rows;
}

const stalled = 100;
const jobBytes = 50 * 1024 * 1024;
const pieceBytes = 30 * 1024;
