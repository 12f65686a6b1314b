import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAnnouncement } from '../../../src/store/event-log.ts';
import { jobKeys } from '../../../src/store/keys.ts';
import { connectRedis } from '../../../src/store/redis.ts';
import { until } from '../../support/until.ts';
import { judge } from '../judge.ts';
import { count, countingUntil, expectCounting, submit } from '../load.ts';
import { expectOneAtATime, pulse } from '../pulse.ts';
import type { Scenario } from '../scenario.ts';

export const workerStopped: Scenario = {
  name: 'worker-stopped',
  sentence:
    'A worker stands still (SIGSTOP) past its lease with an append on the way, and goes on when another worker has its job. The late append and all that it says afterwards is refused (`FENCED`): nothing of it is stored or announced, and the job runs to its end elsewhere.',
  fullRepeats: 5,
  async run({ repeats, stage, progress }) {
    const cluster = await stage.cluster({ apis: 1, workers: 0 });
    const { redis, client } = cluster;
    const folder = await stage.folder();
    const proxies = [await stage.proxy(redis.url), await stage.proxy(redis.url)];
    const workers = await Promise.all(proxies.map(({ url }) => cluster.addWorker({ REDIS_URL: url })));
    const fenced = proxies.map((proxy) => proxy.countAnswers('*1\r\n$6\r\nFENCED\r\n'));
    const total = () => fenced.reduce((sum, counted) => sum + counted(), 0);
    const ear = await stage.adopt(connectRedis(redis.url, 'subscriber'), (each) => each.disconnect());
    let [events, announced] = [0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const before = total();
      const file = join(folder, `pulse-${repeat}`);
      const over = join(folder, `over-${repeat}`);
      const { id } = await submit(client, { ...countingUntil(over, 20, pulse(file)), rerun: 'always' });
      const follower = stage.follow({ client, job: id, name: `the reader of ${id}` });
      /** The attempts of what is announced, in order. */
      const attempts: number[] = [];
      const channel = jobKeys(id).announcements;
      ear.on('message', (name, message) => {
        if (name !== channel) return;
        for (const { payload } of parseAnnouncement(message).entries) {
          const { attempt } = JSON.parse(payload) as { attempt: number | null };
          if (attempt !== null) attempts.push(attempt);
        }
      });
      await ear.subscribe(channel);
      await until(() => count(follower.events, 'output.delta') > 10, 'the job says something');
      const started = follower.events.find((event) => event.type === 'job.started')!;
      const index = workers.findIndex(({ id: name }) => name === started.data.worker);
      const [proxy, worker] = [proxies[index]!, workers[index]!];
      const connection = await proxy.trap(/\r\noutput\.delta\r\n/, (each) => each.hold('requests'));
      process.kill(worker.pid, 'SIGSTOP');
      await until(() => count(follower.events, 'job.started') === 2, 'another worker has the job', 60_000);
      process.kill(worker.pid, 'SIGCONT');
      connection.release('requests');
      await until(() => total() > before, 'the late append is refused');
      const heard = follower.heard;
      const goesOn = () => follower.isOver || follower.heard > heard + 20;
      await until(goesOn, 'the job goes on elsewhere');
      await writeFile(over, '');
      await follower.ended;
      await sleep(200); // for what is announced late
      const log = await judge({ redisUrl: redis.url, job: id, subscribers: follower.records() });
      for (const [what, order] of [
        ['stored', log.flatMap(({ attempt }) => attempt ?? [])],
        ['announced', attempts],
      ] as const) {
        const late = order.slice(order.indexOf(2)).filter((attempt) => attempt === 1).length;
        if (late > 0) throw new Error(`${late} events of the old attempt were ${what} behind the new one.`);
      }
      const rerun = log.slice(log.findIndex(({ type }) => type === 'output.reset'));
      expectCounting(rerun, `the log of ${id}`);
      const lived = expectOneAtATime(file);
      if (lived !== 2) throw new Error(`${id} was run by ${lived} processes.`);
      await ear.unsubscribe(channel);
      events += log.length;
      announced += attempts.length;
      progress(`${repeat}/${repeats}: ${total()} FENCED`);
    }
    return {
      takeovers: repeats,
      'FENCED answers': total(),
      'late events stored or announced': 0,
      'events stored': events,
      'events announced': announced,
    };
  },
};
