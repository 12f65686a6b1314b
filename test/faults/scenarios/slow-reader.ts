import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../../src/client/http.ts';
import { limits } from '../../../src/contract/limits.ts';
import type { ClusterApi } from '../../support/cluster.ts';
import { startCrowd } from '../crowd.ts';
import { judge } from '../judge.ts';
import { submit } from '../load.ts';
import { memoryMb } from '../process-facts.ts';
import type { Scenario } from '../scenario.ts';
import { watchLog } from '../watch-log.ts';

const blockBytes = 64 * 1024;
const blockEveryMs = 30;
const slowBytesPerSecond = 1024;
/** A slow reader may cost this many times what it may cost, and the fast ones may take so much longer beside it. */
const margin = 10;

export const slowReader: Scenario = {
  name: 'slow-reader',
  sentence:
    'A job says 50 MB to 50 readers, and then another one does so while four more read 1 kB a second. The fast readers are not slowed by them, the memory of the API stays bounded, and every reader has everything or is told exactly what it lacks; the slow ones go on where they are when their line is fast again.',
  fullRepeats: 2,
  async run({ repeats, full, stage, progress }) {
    const size = full
      ? { bytes: 50_000_000, fast: 50, slow: 4, keepBytes: limits.logBytesDefault, slowMs: 45_000 }
      : { bytes: 12_000_000, fast: 8, slow: 1, keepBytes: 2 * 1024 * 1024, slowMs: 1000 };
    const cluster = await stage.cluster({
      apis: 1,
      workers: 1,
      environment: { LLMMIXER_KEEP_BYTES: String(size.keepBytes) },
    });
    const { redis, client, key } = cluster;
    const [api] = cluster.apis;
    const proxy = await stage.proxy(api!.baseUrl);
    const slowClient = createClient({ baseUrl: proxy.url, key });
    const wait = `read -rt ${blockEveryMs / 1000} -u 9`;
    const shell = `printf -v block '%${blockBytes - 1}d' 0; exec 9<> <(:); for ((i = 0; i < ${Math.ceil(size.bytes / blockBytes)}; i += 1)); do echo "$block"; ${wait}; done; true`;
    const found = { events: 0, truncations: 0, slowTold: 0, ratio: 0, growthMb: 0, peakMb: 0 };

    /** Has the job read by the fast readers, and by as many slow ones. */
    const measure = async (slow: number) => {
      const memory = watchMemory(api!);
      const { id } = await submit(client, { type: 'command', shell });
      const log = watchLog(redis.url, id);
      proxy.shape({ bytesPerSecond: slowBytesPerSecond });
      const slowOnes = Array.from({ length: slow }, (_, index) =>
        stage.follow({ client: slowClient, job: id, name: `slow reader ${index + 1}`, keepsEvents: false }),
      );
      const startedAt = performance.now();
      const readers = { streams: size.fast, sockets: 0, kind: 'followers', wire: false } as const;
      const crowd = await startCrowd(stage, { baseUrls: [api!.baseUrl], key, job: id, ...readers });
      const fast = await crowd.records;
      const tookMs = performance.now() - startedAt;
      if (slow > 0) await sleep(size.slowMs);
      const peakMb = memory.stop();
      if (slowOnes.some(({ isOver }) => isOver)) throw new Error('A slow reader was not slow.');
      proxy.shape({});
      await Promise.all(slowOnes.map(({ ended }) => ended));
      const subscribers = [...fast, ...slowOnes.flatMap((each) => each.records())];
      const events = await judge({ redisUrl: redis.url, job: id, subscribers, seen: await log.stop() });
      const truncations = subscribers.flatMap(({ given }) =>
        given.filter(({ kind }) => kind === 'truncated'),
      );
      const told = slowOnes.filter(({ controls }) => controls.includes('slow.consumer')).length;
      const slowTruncated = slowOnes.every(({ controls }) => controls.includes('history.truncated'));
      if (!slowTruncated) throw new Error('A slow reader lacks nothing, so it was not slow.');
      return { tookMs, peakMb, events: events.length, truncations: truncations.length, told };
    };

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const without = await measure(0);
      const beside = await measure(size.slow);
      found.ratio = Math.max(found.ratio, beside.tookMs / without.tookMs);
      found.growthMb = Math.max(found.growthMb, beside.peakMb - without.peakMb);
      found.peakMb = Math.max(found.peakMb, beside.peakMb);
      found.events += without.events + beside.events;
      found.truncations += without.truncations + beside.truncations;
      found.slowTold += beside.told;
      const times = (beside.tookMs / without.tookMs).toFixed(2);
      progress(`${repeat}/${repeats}: ${times} times as long, ${Math.round(beside.peakMb)} MB`);
    }
    if (found.ratio > margin)
      throw new Error(`The fast readers took ${found.ratio.toFixed(1)} times as long.`);
    const allowedMb = (margin * size.slow * limits.subscriberBytesMax) / 1024 ** 2;
    if (full && found.growthMb > Math.max(allowedMb, (size.slow * size.bytes) / 2 / 1024 ** 2))
      throw new Error(`The slow readers cost the API ${Math.round(found.growthMb)} MB.`);
    return {
      'fast readers': size.fast,
      'slow readers': size.slow,
      'time of the fast beside the slow': `${found.ratio.toFixed(2)} times`,
      'memory of the API at most': `${Math.round(found.peakMb)} MB, ${Math.round(found.growthMb)} MB more than without the slow`,
      'exact truncations': found.truncations,
      'told slow.consumer': found.slowTold,
    };
  },
};

/** Looks at the memory of a process until `stop`, which answers the most it was, in MB. */
function watchMemory({ pid }: ClusterApi): { stop(): number } {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, memoryMb(pid) ?? 0);
  }, 100);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}
