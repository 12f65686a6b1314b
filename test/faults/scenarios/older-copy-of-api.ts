import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../support/until.ts';
import { copyAof } from '../aof-copy.ts';
import { judge } from '../judge.ts';
import { submit } from '../load.ts';
import type { Scenario } from '../scenario.ts';

export const olderCopyOfApi: Scenario = {
  name: 'older-copy-of-api',
  sentence:
    'The rollback takes nothing but an event of an API (`cancel.requested`), so that no number of the worker shows it. The next event still opens a new epoch, and readers hear `history.reset`.',
  fullRepeats: 12,
  async run({ repeats, stage, progress }) {
    const cluster = await stage.cluster({ apis: 1, workers: 0 });
    const { redis, client } = cluster;
    const folder = await stage.folder();
    const proxy = await stage.proxy(redis.url);
    await cluster.addWorker({ REDIS_URL: proxy.url });
    const gaps = proxy.countAnswers('*2\r\n$3\r\nGAP\r\n');
    let resets = 0;

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const go = join(folder, `go-${repeat}`);
      // It says nothing between the copy and the rollback, whatever it is sent.
      const shell = `trap '' INT TERM; echo begun; until [ -e ${go} ]; do sleep 0.05; done; echo over`;
      const { id } = await submit(client, { type: 'command', shell });
      const follower = stage.follow({ client, job: id, name: `the reader of ${id}` });
      const last = () => follower.events.at(-1);
      await until(() => last()?.type === 'output.delta', 'the job has begun');
      const copy = await copyAof(redis, join(folder, `copy-${repeat}`));
      await client.cancel(id, { reason: 'to be taken by the rollback' });
      await until(() => last()?.type === 'cancel.requested', 'the reader hears of the cancel');
      const taken = last()!;
      await copy.restore();
      await writeFile(go, '');
      await follower.ended;
      const log = await judge({
        redisUrl: redis.url,
        job: id,
        subscribers: follower.records(),
        takenAway: [taken.key],
      });
      if (log.some(({ key }) => key === taken.key)) throw new Error('The rollback has taken nothing.');
      const [before, after] = [taken, last()!].map((event) => Number(event.id.split('-')[0]));
      if (!(after! > before!)) throw new Error(`The log went on in the same epoch, ${before}.`);
      const heard = follower.controls.filter((type) => type === 'history.reset').length;
      if (heard === 0) throw new Error('The reader did not hear of the new epoch.');
      resets += heard;
      progress(`${repeat}/${repeats}: ${resets} resets heard`);
    }
    if (gaps() > 0)
      throw new Error('A worker was answered GAP, so the run id was not what showed the rollback.');
    return { rollbacks: repeats, 'GAP answers': gaps(), 'resets heard': resets };
  },
};
