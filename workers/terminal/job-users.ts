import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { readOrEmpty } from '../../src/platform/read-or-empty.ts';
import type { JobUser } from './chain/job-user.ts';

/** A user that, while it is held, no other running job of this machine has. */
export interface HeldUser extends JobUser {
  release(): void;
}

/**
 * Takes a free user of the range. Of one single user everyone gets it.
 *
 * Problem: jobs of one user could end, trace and type into each other's processes.
 * Solution: a socket in Linux' abstract namespace is held for each user in use, which the kernel gives back however
 * its process ends; and a user whose processes still live, a dead worker's leftovers, is passed over.
 * @returns null when all are taken.
 */
export async function holdUser({ first, last }: { first: number; last: number }): Promise<HeldUser | null> {
  if (first === last) return { uid: first, gid: first, release: () => {} };
  const count = last - first + 1;
  const begin = Math.floor(Math.random() * count);
  for (let step = 0; step < Math.min(count, triesMax); step += 1) {
    const uid = first + ((begin + step) % count);
    const lock = await listenAlone(`\0llmmixer-uid-${uid}`);
    if (lock === null) continue;
    const release = () => void lock.close();
    if (!hasProcesses(uid)) return { uid, gid: uid, release };
    release();
  }
  return null;
}

/** Far more than workers run at once; beyond it something is wrong. */
const triesMax = 1000;

function listenAlone(name: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(name, () => resolve(server));
  });
}

function hasProcesses(uid: number): boolean {
  const line = new RegExp(`^Uid:.*\\b${uid}\\b`, 'm');
  return readdirSync('/proc').some(
    (name) => /^\d+$/.test(name) && line.test(readOrEmpty(`/proc/${name}/status`, 'latin1')),
  );
}
