import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import { judge } from '../judge.ts';
import { countingUntil, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

export const deafSubscription: Scenario = {
  name: 'deaf-subscription',
  sentence:
    'The connection over which an API hears of new events goes deaf: it stays open, and Redis is heard no more on it alone. The API compares positions, which takes 4 s each time, reads what it missed, and makes the connection anew; readers have everything.',
  fullRepeats: 8,
  async run({ seed, repeats, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 0, workers: 1 });
    const { redis } = cluster;
    const folder = await stage.folder();
    const proxy = await stage.proxy(redis.url);
    const { client } = await cluster.addApi({ REDIS_URL: proxy.url });
    const subscribing = /\r\nsubscribe\r\n/;
    let [events, slowestMs] = [0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const over = join(folder, `over-${repeat}`);
      const { id } = await submit(client, countingUntil(over, 200));
      const subscribed = proxy.trap(subscribing);
      const follower = stage.follow({ client, job: id, name: `the reader of ${id}` });
      const connection = await subscribed;
      await until(() => follower.heard > 5, 'the reader hears the job');
      await sleep(random.between(0, 1000));
      const again = proxy.trap(subscribing);
      connection.stall('answers');
      const deafAt = performance.now();
      await sleep(1000); // far less than it takes to notice
      const heardByItself = follower.heard;
      await until(() => !connection.open, 'the API gives the deaf connection up', 120_000);
      slowestMs = Math.max(slowestMs, performance.now() - deafAt);
      if (follower.heard === heardByItself) throw new Error('Nothing was read while the API was deaf.');
      await again;
      const before = follower.heard;
      await until(() => follower.heard > before + 5, 'the reader hears the job over the new connection');
      if (follower.connections !== 1) throw new Error('The reader had to connect again.');
      await writeFile(over, '');
      await follower.ended;
      const log = await judge({ redisUrl: redis.url, job: id, subscribers: follower.records() });
      events += log.length;
      progress(`${repeat}/${repeats}: made anew after ${(slowestMs / 1000).toFixed(1)} s at most`);
    }
    return {
      'deaf connections': repeats,
      'longest until made anew': `${(slowestMs / 1000).toFixed(1)} s`,
      events,
    };
  },
};
