import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../../src/client/http.ts';
import { until } from '../../support/until.ts';
import type { Follower } from '../follower.ts';
import { judge } from '../judge.ts';
import { countingUntil, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

/** In place of 45 s, for a job that speaks every 100 ms. */
const silenceMs = 1500;
const readers = 4;
const stalls = 3;

export const halfOpen: Scenario = {
  name: 'half-open',
  sentence:
    'The line to readers stays open, but its answers, or both directions, are swallowed. Each reader notices within the silence it tolerates, shortened from 45 s to 1.5 s here, connects again and has everything once.',
  fullRepeats: 15,
  async run({ seed, repeats, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 1, workers: 1 });
    const { redis, key } = cluster;
    const folder = await stage.folder();
    const proxy = await stage.proxy(cluster.apis[0]!.baseUrl);
    const client = createClient({ baseUrl: proxy.url, key });
    let [events, connections, slowestMs] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const over = join(folder, `over-${repeat}`);
      const { id } = await submit(cluster.client, countingUntil(over, 100));
      const followers = Array.from({ length: readers }, (_, index) => {
        const timing = { silenceMs, retryMsMin: 20, retryMsMax: 200 };
        return stage.follow({ client, job: id, name: `reader ${index + 1} of ${id}`, timing });
      });
      /** Waits until each of them has more of it than now. */
      const untilMore = (of: (follower: Follower) => number, what: string) => {
        const before = followers.map(of);
        const more = () => followers.every((follower, index) => of(follower) > before[index]!);
        return until(more, what, silenceMs * 10);
      };
      await untilMore(({ heard }) => heard, 'all readers hear the job');
      for (let stall = 0; stall < stalls; stall += 1) {
        await sleep(random.between(100, 600));
        const reconnected = untilMore(({ connections: made }) => made, 'all readers have connected again');
        proxy.stall(stall % 2 === 0 ? 'answers' : 'both');
        const stalledAt = performance.now();
        await reconnected;
        await untilMore(({ heard }) => heard, 'all readers hear the job again');
        slowestMs = Math.max(slowestMs, performance.now() - stalledAt);
      }
      await writeFile(over, '');
      await Promise.all(followers.map(({ ended }) => ended));
      const subscribers = followers.flatMap((follower) => follower.records());
      const log = await judge({ redisUrl: redis.url, job: id, subscribers });
      const made = followers.reduce((sum, each) => sum + each.connections, 0);
      if (made < readers * (1 + stalls))
        throw new Error(`${made} connections are too few for ${stalls} stalls.`);
      connections += made;
      events += log.length;
      progress(
        `${repeat}/${repeats}: ${connections} connections, ${(slowestMs / 1000).toFixed(1)} s at most`,
      );
    }
    return {
      stalls: repeats * stalls,
      'readers each time': readers,
      connections,
      'longest until all read again': `${(slowestMs / 1000).toFixed(1)} s`,
      events,
    };
  },
};
