import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../support/until.ts';
import { judge } from '../judge.ts';
import { count, counted, counting, expectOutput, submit } from '../load.ts';
import { expectOneAtATime, pulse } from '../pulse.ts';
import type { Scenario } from '../scenario.ts';

const stoppedMs = 30_000;
const lines = 330;
const everyMs = 100;

export const redisStopped: Scenario = {
  name: 'redis-stopped',
  sentence:
    'Redis stands still (SIGSTOP) for 30 s, longer than every lock and lease, while two workers run jobs, half of which may be run again. All of them complete, each of their lines is kept once, and none ever ran twice at a time.',
  fullRepeats: 4,
  async run({ repeats, stage, progress }) {
    const cluster = await stage.cluster({ apis: 1, workers: 2 });
    const { redis, client } = cluster;
    const folder = await stage.folder();
    let [jobsRun, events, runs] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const pulseOf = (index: number) => join(folder, `pulse-${repeat}-${index}`);
      const jobs = await Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          submit(client, {
            ...counting(lines, everyMs, pulse(pulseOf(index))),
            rerun: index % 2 === 0 ? 'always' : 'beforeStart',
          }),
        ),
      );
      const followers = jobs.map(({ id }) => stage.follow({ client, job: id, name: `the reader of ${id}` }));
      await until(() => followers.every((each) => count(each.events, 'output.delta') > 0), 'all jobs run');
      await redis.kill('SIGSTOP');
      await sleep(stoppedMs);
      await redis.kill('SIGCONT');
      await Promise.all(followers.map((follower) => follower.ended));
      for (const [index, { id }] of jobs.entries()) {
        const follower = followers[index]!;
        const log = await judge({ redisUrl: redis.url, job: id, subscribers: follower.records() });
        const job = await client.job(id);
        if (job.status !== 'succeeded') throw new Error(`${id} ended as ${job.status}.`);
        const lastRun = log.slice(log.findLastIndex(({ type }) => type === 'output.reset') + 1);
        expectOutput(lastRun, counted(lines), `the log of ${id}`);
        const lived = expectOneAtATime(pulseOf(index));
        if (lived !== count(log, 'job.started'))
          throw new Error(`${id} ran ${lived} times, its log says otherwise.`);
        jobsRun += 1;
        runs += lived;
        events += log.length;
      }
      progress(`${repeat}/${repeats}: ${jobsRun} jobs, ${runs} runs`);
    }
    return { jobs: jobsRun, runs, 'jobs that ran twice at a time': 0, events };
  },
};
