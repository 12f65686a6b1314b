import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../../src/client/http.ts';
import type { Scenario } from '../../faults/scenario.ts';
import type { ClusterWorker } from '../../support/cluster.ts';
import { until } from '../../support/until.ts';
import { levelOf, processesWith, submitUntil } from '../host.ts';

/** Each leaves a process called `$M` behind that wants to live for ten minutes. */
const animals = [
  `setsid bash -c 'exec -a $M-setsid sleep 600' &`,
  `( ( exec -a $M-twice sleep 600 ) & )`,
  `nohup bash -c 'exec -a $M-nohup sleep 600' > /dev/null 2>&1 &`,
  `( setsid env -i bash -c "exec -a $M-daemon sleep 600" < /dev/null > /dev/null 2>&1 & )`,
  `bash -c 'trap "" HUP INT QUIT TERM USR1 USR2 TSTP; while :; do sleep 0.2; done' $M-traps &`,
].join('\n');

const endings = ['exit', 'cancel', 'timeout', 'worker killed'] as const;
type End = (typeof endings)[number];

export const orphanZoo: Scenario = {
  name: 'orphan-zoo',
  sentence:
    'A command starts processes that leave its session (`setsid`), fork twice, ignore the hang-up, daemonise with an empty environment and trap every signal; then it exits, is cancelled, takes too long, or its worker is killed. Five seconds later none of them lives.',
  fullRepeats: 50,
  async run({ repeats, full, stage, progress }) {
    const environment = { LLMMIXER_SANDBOX: 'auto' };
    const cluster = await stage.cluster({ apis: 1, workers: 1, environment });
    const { client } = cluster;
    const level = await levelOf(client);
    let [started, slowestMs] = [0, 0];
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const worker = cluster.workers.at(-1)!;
      const calm = endings.slice(0, 3).map((end) => endOne(client, { end, name: `${repeat}${end}`, worker }));
      const times = await Promise.all(calm);
      times.push(await endOne(client, { end: 'worker killed', name: `${repeat}killed`, worker }));
      if (repeat < repeats || full) await cluster.addWorker();
      started += endings.length * animals.split('\n').length;
      slowestMs = Math.max(slowestMs, ...times);
      progress(`${repeat}/${repeats}: none after ${Math.round(Math.max(...times))} ms`);
    }
    const seconds = Number((slowestMs / 1000).toFixed(1));
    return { level, processes: started, 'alive 5 s later': 0, 'the last was gone after (s)': seconds };
  },
};

/** @returns how long after the end of its job the last process lived, in milliseconds. */
async function endOne(
  client: Client,
  { end, name, worker }: { end: End; name: string; worker: ClusterWorker },
): Promise<number> {
  const mark = `zoo-${process.pid}-${name.replaceAll(' ', '')}-${Date.now()}`;
  const rest = end === 'exit' ? 'sleep 0.5; echo up; exit 0' : 'sleep 0.5; echo up; sleep 600';
  const argv = ['bash', '-c', `M=$1; export M\n${animals}\n${rest}`, 'zoo', mark];
  const interactive = end !== 'exit';
  const job = { argv, interactive, ...(end === 'timeout' && { timeoutMs: 2000 }) };
  const id = await submitUntil(client, job, 'up');
  if (end === 'cancel') await client.cancel(id);
  if (end === 'worker killed') await worker.kill();
  else await until(async () => (await client.job(id)).finishedAt !== null, `job ${id} ends`, 60_000);
  const endedAt = performance.now();
  while (processesWith(mark).length > 0) {
    if (performance.now() - endedAt > 5000)
      throw new Error(
        `5 s after ${end} of job ${id} there live ${processesWith(mark).length} of its processes.`,
      );
    await sleep(20);
  }
  return performance.now() - endedAt;
}
