import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCrowd } from '../crowd.ts';
import { judge } from '../judge.ts';
import { countingUntil, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

export const apiKilled: Scenario = {
  name: 'api-killed',
  sentence:
    'An API is killed (SIGKILL) while 500 readers follow a job there. They resume at another API behind the last event they had, and each has every event once and in order.',
  fullRepeats: 20,
  async run({ seed, repeats, full, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 2, workers: 1 });
    const folder = await stage.folder();
    const readers = full ? 500 : 100;
    let [events, given, connections] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const over = join(folder, `over-${repeat}`);
      // The two take turns at being killed.
      const [victim, other] = repeat % 2 === 1 ? cluster.apis : [...cluster.apis].reverse();
      const { id } = await submit(cluster.client, countingUntil(over, 100));
      const crowd = await startCrowd(stage, {
        baseUrls: [victim!.baseUrl, other!.baseUrl],
        key: cluster.key,
        job: id,
        kind: 'followers',
        streams: readers,
        sockets: 0,
        wire: true,
      });
      await crowd.until(({ hearing }) => hearing === readers, 'all readers hear the job');
      await sleep(random.between(0, 1000));
      await victim!.kill();
      await crowd.until((state) => state.connections >= 2 * readers, 'all readers have connected again');
      await sleep(random.between(0, 1000));
      await writeFile(over, '');
      const subscribers = await crowd.records;
      const log = await judge({ redisUrl: cluster.redis.url, job: id, subscribers });
      const incomplete = subscribers.filter(({ complete }) => !complete).length;
      if (incomplete > 0) throw new Error(`${incomplete} readers did not come to the end.`);
      events += log.length;
      given += subscribers.reduce((sum, each) => sum + each.given.length, 0) / 2;
      connections += crowd.state.connections;
      await victim!.restart();
      progress(`${repeat}/${repeats}: ${connections} connections for ${readers * repeat} readers`);
    }
    return { kills: repeats, readers: readers * repeats, connections, events, 'events given': given };
  },
};
