import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../../src/client/http.ts';
import { limits } from '../../../src/contract/limits.ts';
import type { Shape } from '../../support/fault-proxy.ts';
import { judge } from '../judge.ts';
import { counting, expectOutput, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

const lines = 100;
/** Characters of one to four bytes, so that every way to split one occurs. */
const word = 'a ö 日本 🙂';
const shapes: Record<string, Shape> = { 'byte by byte': { pieceBytes: 1 }, late: { delayMs: 200 } };

export const thinLines: Scenario = {
  name: 'thin-lines',
  sentence:
    'Readers sit behind a line that hands over one byte at a time, or everything 200 ms late, and that breaks at random moments. They resume and have everything once, every character whole.',
  fullRepeats: 10,
  async run({ seed, repeats, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 1, workers: 1 });
    const { redis, client, key } = cluster;
    const wanted = Array.from({ length: lines }, (_, index) => `${index + 1}\n${word}\n`).join('');
    const lineOf = async ([name, shape]: [string, Shape]) => {
      const proxy = await stage.proxy(cluster.apis[0]!.baseUrl);
      proxy.shape(shape);
      return { name, proxy, client: createClient({ baseUrl: proxy.url, key }) };
    };
    const through = await Promise.all(Object.entries(shapes).map(lineOf));
    let [events, cuts, connections] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const { id } = await submit(client, counting(lines, 50, `echo '${word}'`));
      const followers = through.map((line) => {
        const timing = { retryMsMin: 20, retryMsMax: limits.followRetryMsMin };
        return stage.follow({
          client: line.client,
          job: id,
          name: `the reader ${line.name} of ${id}`,
          timing,
        });
      });
      let over = false;
      const ended = Promise.all(followers.map((follower) => follower.ended)).finally(() => {
        over = true;
      });
      // Cut at the same moment, and so at different places of what they read.
      while (!over) {
        await Promise.race([sleep(random.between(300, 1500)), ended]);
        if (!over) for (const { proxy } of through) cuts += proxy.cut();
      }
      await ended;
      const subscribers = followers.flatMap((follower) => follower.records());
      const log = await judge({ redisUrl: redis.url, job: id, subscribers });
      for (const follower of followers) expectOutput(follower.events, wanted, `a reader of ${id}`);
      events += log.length;
      connections += followers.reduce((sum, each) => sum + each.connections, 0);
      progress(`${repeat}/${repeats}: ${cuts} cuts, ${connections} connections`);
    }
    if (connections <= repeats * shapesCount)
      throw new Error('No reader had to resume, so nothing was proved.');
    return { readers: repeats * shapesCount, cuts, connections, events };
  },
};

const shapesCount = Object.keys(shapes).length;
