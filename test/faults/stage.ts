import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, type ClusterOptions, startCluster } from '../support/cluster.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { descendants } from '../support/processes.ts';
import { type Follower, type FollowerOptions, follow } from './follower.ts';

/** Everything that a scenario starts. Leaving the stage ends it, in the opposite order, however it stands. */
export class Stage {
  readonly #leavings = new AsyncDisposableStack();
  #left: Promise<void> | null = null;

  async cluster(options: ClusterOptions): Promise<Cluster> {
    return this.adopt(await startCluster(options), endCluster);
  }

  async proxy(target: string): Promise<FaultProxy> {
    return this.adopt(await startFaultProxy(target), (proxy) => proxy.close());
  }

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'llmmixer-faults-'));
    return this.adopt(path, () => rm(path, { recursive: true, force: true, maxRetries: 20 }));
  }

  follow(options: FollowerOptions): Follower {
    const follower = follow(options);
    if (this.#left === null) this.#leavings.defer(() => follower.stop());
    else follower.stop();
    return follower;
  }

  /** Has `leave` called at the end; at once where the end has come already. */
  async adopt<Thing>(thing: Thing, leave: (thing: Thing) => Promise<void> | void): Promise<Thing> {
    if (this.#left === null) return this.#leavings.adopt(thing, leave);
    await leave(thing);
    throw new TypeError('the stage was left meanwhile');
  }

  leave(): Promise<void> {
    this.#left ??= this.#leavings.disposeAsync();
    return this.#left;
  }
}

/** Whatever was stopped goes on first, so that it can end; what does not end is killed, and its programs with it. */
async function endCluster(cluster: Cluster): Promise<void> {
  const processes = [...cluster.apis, ...cluster.workers];
  for (const { pid } of [cluster.redis, ...processes]) send(pid, 'SIGCONT');
  const closed = cluster.close();
  const patience = new AbortController();
  const killAll = async () => {
    await sleep(patienceMs, undefined, { signal: patience.signal });
    for (const { pid } of processes) await killTree(pid);
  };
  killAll().catch(() => {}); // all ended in time
  await closed.finally(() => patience.abort());
}

/** Ends a process of ours and all that it has started, at once. */
export async function killTree(pid: number): Promise<void> {
  const below = await descendants(pid);
  for (const each of [pid, ...below.map((child) => child.pid)]) send(each, 'SIGKILL');
}

const patienceMs = 20_000;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
