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

  cluster(options: ClusterOptions): Promise<Cluster> {
    return this.adopt(startCluster(options), endCluster);
  }

  proxy(target: string): Promise<FaultProxy> {
    return this.adopt(startFaultProxy(target), (proxy) => proxy.close());
  }

  folder(): Promise<string> {
    return this.adopt(mkdtemp(join(tmpdir(), 'llmmixer-faults-')), (path) =>
      rm(path, { recursive: true, force: true, maxRetries: 20 }),
    );
  }

  follow(options: FollowerOptions): Follower {
    const follower = follow(options);
    void this.adopt(follower, () => follower.stop()).catch(() => {}); // it was stopped at once
    return follower;
  }

  /** Has `leave` called at the end; as soon as the thing has started, where the end has come before. */
  async adopt<Thing>(starting: Promise<Thing> | Thing, leave: (thing: Thing) => unknown): Promise<Thing> {
    const end = async () => {
      const started = await Promise.resolve(starting).then(
        (thing) => ({ thing }),
        () => null, // it has ended what it had started
      );
      if (started !== null) await leave(started.thing);
    };
    if (this.#left === null) {
      this.#leavings.defer(end);
      return starting;
    }
    await end();
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
