import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../../src/contract/limits.ts';
import { parseCursor } from '../../../src/core/cursor.ts';
import { until } from '../../support/until.ts';
import { copyAof } from '../aof-copy.ts';
import type { Follower } from '../follower.ts';
import { judge } from '../judge.ts';
import { count, countingUntil, expectCounting, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

/** Longer than the worker holds what it has sent, if it only looked at its clock. */
const awayMs = limits.resendRingMs + 1000;

export const olderCopy: Scenario = {
  name: 'older-copy',
  sentence:
    'Redis is killed under load and comes back with the same older copy of its append-only file, twice in a row, the first time after a pause. The worker is answered `GAP` and sends again what is missing, or names what it no longer holds; the log goes on in a new epoch each time, never in the same one twice, and readers hear `history.reset`.',
  fullRepeats: 12,
  async run({ seed, repeats, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 1, workers: 0 });
    const { redis, client } = cluster;
    const folder = await stage.folder();
    const proxy = await stage.proxy(redis.url);
    await cluster.addWorker({ REDIS_URL: proxy.url });
    const gaps = proxy.countAnswers('*2\r\n$3\r\nGAP\r\n');
    let [events, lost, epochs] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const over = join(folder, `over-${repeat}`);
      const jobs = await Promise.all(
        Array.from({ length: 3 }, () => submit(client, countingUntil(over, 20))),
      );
      const followers = jobs.map(({ id }) => stage.follow({ client, job: id, name: `the reader of ${id}` }));
      await until(() => followers.every((each) => each.events.length > 5), 'the jobs say something');
      const copy = await copyAof(redis, join(folder, `copy-${repeat}`));
      let upSince = performance.now();
      let mayLose = false;
      for (const rollback of [1, 2]) {
        await sleep(random.between(700, 1200));
        mayLose ||= performance.now() - upSince > limits.resendRingMs;
        await copy.restore(rollback === 1 ? awayMs : 0);
        upSince = performance.now();
        await until(
          () => followers.every((each) => epochsOf(each).length === rollback + 1),
          `every job has gone on in a new epoch after rollback ${rollback}`,
        );
      }
      await writeFile(over, '');
      await Promise.all(followers.map((follower) => follower.ended));
      for (const [index, { id }] of jobs.entries()) {
        const follower = followers[index]!;
        const log = await judge({ redisUrl: redis.url, job: id, subscribers: follower.records() });
        const [starts, named] = [count(log, 'job.started'), count(log, 'history.lost')];
        if (starts !== 1) throw new Error(`${id} has started ${starts} times.`);
        const seen = epochsOf(follower);
        if (seen.some((epoch, at) => epoch <= (seen[at - 1] ?? 0)))
          throw new Error(`The epochs of ${id} do not rise: ${seen.join(', ')}.`);
        if (named > 0 && !mayLose) throw new Error(`${id} has lost what its worker could have held.`);
        if (named === 0) {
          expectCounting(log, `the log of ${id}`);
          expectCounting(follower.events, `the reader of ${id}`);
        }
        events += log.length;
        lost += named;
        epochs += seen.length - 1;
      }
      progress(`${repeat}/${repeats}: ${gaps()} GAP, ${epochs} new epochs, ${lost} history.lost`);
    }
    if (gaps() === 0) throw new Error('No append was answered GAP, so nothing was rolled back.');
    return {
      rollbacks: repeats * 2,
      'GAP answers': gaps(),
      'new epochs': epochs,
      'history.lost': lost,
      events,
    };
  },
};

/** The epochs in which events came, in the order of their coming. */
function epochsOf({ records }: Follower): number[] {
  const wire = records().find(({ view }) => view === 'wire');
  const ids = wire?.given.flatMap((given) => (given.kind === 'event' ? [given.id] : [])) ?? [];
  return [...new Set(ids.map((id) => parseCursor(id)?.epoch ?? 0))];
}
