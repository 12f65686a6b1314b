import { setTimeout as sleep } from 'node:timers/promises';
import { judge } from '../judge.ts';
import { count, counted, counting, expectOutput, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

const lines = 250;

export const redisKilled: Scenario = {
  name: 'redis-killed',
  sentence:
    'Redis, which writes an append-only file, is killed (SIGKILL) under load and started again on it, several times while the jobs run. Every job starts once and ends, and each reader at each API has every line once.',
  fullRepeats: 15,
  async run({ seed, repeats, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 2, workers: 2 });
    const { redis, apis } = cluster;
    let [kills, events, resets] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const jobs = await Promise.all(
        Array.from({ length: 6 }, () => submit(cluster.client, counting(lines, 20))),
      );
      const followers = jobs.map(({ id }) =>
        apis.map(({ client }, index) =>
          stage.follow({ client, job: id, name: `the reader of ${id} at API ${index + 1}` }),
        ),
      );
      let over = false;
      const ended = Promise.all(followers.flat().map((follower) => follower.ended)).finally(() => {
        over = true;
      });
      do {
        await sleep(random.between(300, 1500));
        await redis.kill('SIGKILL');
        kills += 1;
        await sleep(random.between(0, 500));
        await redis.restart();
      } while (!over);
      await ended;
      for (const [index, { id }] of jobs.entries()) {
        const readers = followers[index]!;
        const subscribers = readers.flatMap((reader) => reader.records());
        const log = await judge({ redisUrl: redis.url, job: id, subscribers });
        expectOutput(log, counted(lines), `the log of ${id}`);
        for (const reader of readers) expectOutput(reader.events, counted(lines), `a reader of ${id}`);
        const [starts, ends] = [count(log, 'job.started'), count(log, 'job.ended')];
        if (starts !== 1 || ends !== 1) throw new Error(`${id} has ${starts} starts and ${ends} ends.`);
        events += log.length;
        resets += readers
          .flatMap(({ controls }) => controls)
          .filter((type) => type === 'history.reset').length;
      }
      progress(`${repeat}/${repeats}: ${kills} kills, ${resets} resets heard`);
    }
    if (resets === 0) throw new Error('No reader heard of a new epoch, so Redis was never missed.');
    return { kills, 'resets heard': resets, events };
  },
};
