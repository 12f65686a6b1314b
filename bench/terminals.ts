// `npm run bench:terminals`: what a terminal of the service costs, beside node-pty alone, measured in turn in the same
// run. Prints a table; asserts nothing.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type IPty, spawn } from 'node-pty';
import type { Client } from '../src/client/http.ts';
import { type Cluster, startCluster } from '../test/support/cluster.ts';
import { onInterruption } from '../test/support/interruption.ts';
import { residentBytes, run as runJob, submitUntil } from '../test/terminals/host.ts';
import { tell } from './support/goal-line.ts';
import { median } from './support/report.ts';
import { timed } from './support/timed.ts';

const idleCount = 50;
const floodBytes = 50_000_000;

await using stack = new AsyncDisposableStack();
onInterruption(async (signal) => {
  process.stderr.write(`${signal}: ending what was started\n`);
  await stack.disposeAsync();
});
const folder = mkdtempSync(join(tmpdir(), 'llmmixer-bench-'));
stack.defer(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);
const cluster = stack.adopt(await startBenched(), (each) => each.close());
const { client } = cluster;
const [worker = { pid: 0 }] = cluster.workers;
const level = (await client.capabilities()).items[0]?.sandbox;

process.stdout.write(`commands are shut in at level ${level}\n`);
// Before the flood, which leaves the worker memory to spare.
await measureQuick(client);
await measureIdle(client, worker.pid);
await measureFlood(client);

function startBenched(): Promise<Cluster> {
  const environment = {
    LLMMIXER_SANDBOX: 'auto',
    LLMMIXER_READ_ONLY_PATHS: folder,
    LLMMIXER_CONCURRENCY: String(idleCount + 10),
  };
  return startCluster({ apis: 1, workers: 1, environment });
}

/** From the request that submits a command to the answer that it has ended, and from spawn to exit. */
async function measureQuick(over: Client): Promise<void> {
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 60; turn += 1) {
    const bareMs = await timed(() => exited(spawn('/bin/true', [], {})));
    const oursMs = await timed(() =>
      over.submit({ type: 'command', argv: ['/bin/true'], interactive: true }, { waitSeconds: 10 }),
    );
    if (turn < 10) continue; // code is compiled, connections are opened
    ours.push(oursMs);
    bare.push(bareMs);
  }
  const added = median(ours) - median(bare);
  tell({
    what: 'a quick command, end to end (ms)',
    ...{ ours: median(ours), bare: median(bare), compared: `+${added.toFixed(1)}` },
    ...{ goal: 'at most +30', isMet: added <= 30 },
  });
}

/** Bytes a second of a file of lines, from the start of the job to its end, all of it in the log. */
async function measureFlood(over: Client): Promise<void> {
  const file = join(folder, 'lines');
  const line = '[ 42%] Building CXX object src/CMakeFiles/something.dir/file.cpp.o -- as usual\n';
  writeFileSync(file, line.repeat(Math.ceil(floodBytes / line.length)).slice(0, floodBytes), { mode: 0o644 });
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 4; turn += 1) {
    const bareMs = await timed(() => readAll(spawn('/bin/cat', [file], { encoding: null })));
    const { job } = await runJob(over, { argv: ['cat', file], interactive: true, readOnlyPaths: [folder] });
    if (job.status !== 'succeeded') throw new TypeError(`job ${job.id}: ${job.error?.detail}`);
    if (turn === 0) continue;
    ours.push(floodBytes / (Date.parse(job.finishedAt ?? '') - Date.parse(job.startedAt ?? '')) / 1000);
    bare.push(floodBytes / bareMs / 1000);
  }
  const ratio = median(ours) / median(bare);
  tell({
    what: '50 MB through a terminal (MB/s)',
    ...{ ours: median(ours), bare: median(bare), compared: ratio.toFixed(2) },
    ...{ goal: 'at least 0.3', isMet: ratio >= 0.3 },
  });
}

/** Resident memory of the worker for one more command that waits for input. */
async function measureIdle(over: Client, pid: number): Promise<void> {
  const idle = () => submitUntil(over, { argv: ['bash', '-c', 'echo up; read -r'], interactive: true }, 'up');
  const first = await Promise.all(Array.from({ length: 5 }, idle));
  await sleep(2000);
  const before = residentBytes(pid);
  const more = await Promise.all(Array.from({ length: idleCount }, idle));
  await sleep(2000);
  const each = (residentBytes(pid) - before) / idleCount / 2 ** 20;
  tell({
    what: 'one more idle command (MiB of the worker)',
    ...{ ours: each, goal: 'less than 2', isMet: each < 2 },
  });
  await Promise.all([...first, ...more].map((id) => over.cancel(id)));
}

function exited(pty: IPty): Promise<void> {
  return new Promise((resolve) => pty.onExit(() => resolve()));
}

async function readAll(pty: IPty): Promise<void> {
  let bytes = 0;
  pty.onData((data) => {
    bytes += data.length;
  });
  await exited(pty);
  if (bytes < floodBytes) throw new TypeError(`node-pty gave ${bytes} bytes only`);
}
