import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../../src/contract/limits.ts';
import { startCrowd } from '../crowd.ts';
import { judge } from '../judge.ts';
import { submit } from '../load.ts';
import { memoryMb, openFilesMax } from '../process-facts.ts';
import type { Scenario } from '../scenario.ts';

/** What a process needs beside its readers: files, pipes, Redis. */
const otherFiles = 200;

export const idleReaders: Scenario = {
  name: 'idle-readers',
  sentence:
    '5,000 readers, one in ten by WebSocket, follow a job that says nothing. All are still there when each has had a sign of life, and then the next event reaches all of them.',
  fullRepeats: 2,
  async run({ repeats, full, stage, progress }) {
    const cluster = await stage.cluster({ apis: 1, workers: 1 });
    const { redis, client, key } = cluster;
    const [api] = cluster.apis;
    const folder = await stage.folder();
    const wanted = full ? 5000 : 300;
    const readers = Math.min(wanted, (openFilesMax(api!.pid) ?? wanted + otherFiles) - otherFiles);
    const sockets = Math.round(readers / 10);
    let [slowestMs, memory] = [0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const over = join(folder, `over-${repeat}`);
      const shell = `until [ -e ${over} ]; do sleep 0.05; done; echo over`;
      const { id } = await submit(client, { type: 'command', shell });
      const idle = { baseUrls: [api!.baseUrl], key, job: id, kind: 'idlers', wire: true } as const;
      const crowd = await startCrowd(stage, { ...idle, streams: readers - sockets, sockets });
      await crowd.until(({ hearing }) => hearing === readers, 'all readers are there', 180_000);
      crowd.listenForLife();
      const isHealthy = ({ alive, over: gone }: typeof crowd.state) => gone > 0 || alive === readers;
      await crowd.until(isHealthy, 'all have had a sign of life', limits.heartbeatMs * 10);
      if (crowd.state.over > 0) throw new Error(`${crowd.state.over} readers have lost their connection.`);
      memory = Math.max(memory, memoryMb(api!.pid) ?? 0);
      const saidAt = performance.now();
      await writeFile(over, '');
      await crowd.until(({ ended }) => ended === readers, 'the event has reached all', 120_000);
      slowestMs = Math.max(slowestMs, performance.now() - saidAt);
      await judge({ redisUrl: redis.url, job: id, subscribers: await crowd.records });
      progress(`${repeat}/${repeats}: ${readers} readers, ${Math.round(slowestMs)} ms until all had it`);
    }
    return {
      readers,
      ...(readers < wanted ? { note: `no more than that may be open here, instead of ${wanted}` } : {}),
      'of them by WebSocket': sockets,
      'longest until all had the event': `${(slowestMs / 1000).toFixed(1)} s`,
      'memory of the API': memory === 0 ? 'not told by this system' : `${Math.round(memory)} MB`,
    };
  },
};
