import { setTimeout as sleep } from 'node:timers/promises';
import { followJob } from '../../../src/client/feed.ts';
import type { Scenario } from '../../faults/scenario.ts';
import { until } from '../../support/until.ts';
import { levelOf, residentBytes, submitUntil } from '../host.ts';

/** Until V8 has collected everything once or twice, and so knows how much room a flood needs. */
const warmUpMs = 8000;
const growthBytesMax = 32 * 2 ** 20;
const latencyMsMax = 250;
const cancelMsMax = 2000;

export const yesFlood: Scenario = {
  name: 'yes-flood',
  sentence:
    'An interactive `yes` writes as fast as it is read. Once the worker is warm its memory stays within 32 MiB for 60 s, the output of another job on it is seen within 250 ms (95th percentile), and a cancel ends the flood within 2 s.',
  fullRepeats: 1,
  async run({ full, stage, progress }) {
    const environment = { LLMMIXER_SANDBOX: 'auto' };
    const { client, workers } = await stage.cluster({ apis: 1, workers: 1, environment });
    const worker = workers[0]!.pid;
    const seconds = full ? 60 : 6;
    const clock = `while :; do echo "at $EPOCHREALTIME"; sleep 0.05; done`;
    const neighbour = await submitUntil(client, { argv: ['bash', '-c', clock], interactive: true }, 'at ');
    const latencies: number[] = [];
    const listening = listen(client, neighbour, latencies);
    const flood = await submitUntil(client, { argv: ['yes'], interactive: true }, 'y');
    await sleep(warmUpMs);
    latencies.length = 0;
    const warm = residentBytes(worker);
    let most = warm;
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await sleep(250);
      most = Math.max(most, residentBytes(worker));
    }
    const during = [...latencies].sort((a, b) => a - b);
    const p95 = during[Math.floor(during.length * 0.95)] ?? Number.POSITIVE_INFINITY;
    const askedAt = performance.now();
    await client.cancel(flood);
    await until(async () => (await client.job(flood)).finishedAt !== null, 'the flood has ended');
    const cancelMs = performance.now() - askedAt;
    const { result } = await client.job(flood);
    await client.cancel(neighbour);
    await listening;
    const written = result !== null && 'outputBytes' in result ? result.outputBytes : 0;
    const grown = most - warm;
    progress(
      `grown ${(grown / 2 ** 20).toFixed(1)} MiB, p95 ${p95.toFixed(0)} ms, cancel ${cancelMs.toFixed(0)} ms`,
    );
    if (grown > growthBytesMax) throw new Error(`The worker grew by ${(grown / 2 ** 20).toFixed(1)} MiB.`);
    if (p95 > latencyMsMax)
      throw new Error(`Of ${during.length} lines the 95th percentile came after ${p95.toFixed(0)} ms.`);
    if (cancelMs > cancelMsMax) throw new Error(`The cancel took ${cancelMs.toFixed(0)} ms.`);
    return {
      level: await levelOf(client),
      seconds,
      'MB written': Math.round(written / 1e6),
      'grown by (MiB)': Number((grown / 2 ** 20).toFixed(1)),
      'p95 of the other (ms)': Math.round(p95),
      'cancel (ms)': Math.round(cancelMs),
    };
  },
};

/** Notes how old each line of the clock is when it comes. */
async function listen(
  client: Parameters<typeof followJob>[0],
  id: string,
  latencies: number[],
): Promise<void> {
  for await (const event of followJob(client, id)) {
    if (event.type !== 'output.delta') continue;
    for (const [, seconds] of (event.data.text ?? '').matchAll(/at ([\d.]+)/g))
      latencies.push(Date.now() - Number(seconds) * 1000);
  }
}
