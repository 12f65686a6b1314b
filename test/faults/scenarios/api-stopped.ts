import { startCrowd } from '../crowd.ts';
import { judge } from '../judge.ts';
import { submit } from '../load.ts';
import type { Scenario } from '../scenario.ts';

const wantedMs = 1000;

export const apiStopped: Scenario = {
  name: 'api-stopped',
  sentence:
    'An API with 1,000 open streams, one in five a WebSocket, is told to stop (SIGTERM). Each reader is told (`server.closing`, or 1001), and the process is gone within 1 s; a busy machine is granted ten times that.',
  fullRepeats: 10,
  async run({ repeats, full, stage, progress }) {
    const cluster = await stage.cluster({ apis: 2, workers: 1 });
    const { redis, key } = cluster;
    const [api, other] = cluster.apis;
    const readers = full ? 1000 : 200;
    const sockets = readers / 5;
    let slowestMs = 0;

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const { id } = await submit(other!.client, { type: 'command', shell: 'exec sleep 600' });
      const idle = { baseUrls: [api!.baseUrl], key, job: id, kind: 'idlers', wire: true } as const;
      const crowd = await startCrowd(stage, { ...idle, streams: readers - sockets, sockets });
      await crowd.until(({ hearing }) => hearing === readers, 'all readers are there', 120_000);
      const stoppedAt = performance.now();
      const code = await api!.stop();
      const tookMs = performance.now() - stoppedAt;
      if (code !== 0) throw new Error(`The API ended with ${code}.`);
      if (tookMs > wantedMs * 10) throw new Error(`The API took ${Math.round(tookMs)} ms.`);
      const subscribers = await crowd.records;
      if (crowd.state.told !== readers) throw new Error(`Only ${crowd.state.told} of ${readers} were told.`);
      await other!.client.cancel(id);
      await cluster.finished(id);
      await judge({ redisUrl: redis.url, job: id, subscribers });
      slowestMs = Math.max(slowestMs, tookMs);
      await api!.restart();
      progress(`${repeat}/${repeats}: ${readers} readers told, ${Math.round(slowestMs)} ms at most`);
    }
    return {
      stops: repeats,
      'readers each time': readers,
      'longest until gone': `${Math.round(slowestMs)} ms`,
    };
  },
};
