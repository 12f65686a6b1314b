import { readdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { limits } from '../../src/contract/limits.ts';
import { ProblemError } from '../../src/contract/problem.ts';
import { makeFolder } from '../../src/platform/make-folder.ts';
import { readOrEmpty } from '../../src/platform/read-or-empty.ts';
import type { JobUser } from './chain/job-user.ts';
import { workspacesOfOthers } from './workspaces-folder.ts';

/** A user that, while it is held, no other running job of this machine has. */
export interface HeldUser extends JobUser {
  release(): void;
}

/**
 * Takes a free user of the range. Of one single user everyone gets it. Only root can.
 *
 * Problem: jobs of one user could end, trace and type into each other's processes.
 * Solution: a socket in a folder of root's is held for each user in use. The kernel closes it however its process ends,
 * and then who finds the file removes it. A user whose processes still live, a dead worker's leftovers, is passed over.
 * @returns null when all are taken.
 * @throws {ProblemError} `spawn_failed` where the folder cannot be used.
 */
export async function holdUser({ first, last }: { first: number; last: number }): Promise<HeldUser | null> {
  if (first === last) return { uid: first, gid: first, release: () => {} };
  const count = last - first + 1;
  const begin = Math.floor(Math.random() * count);
  for (let step = 0; step < Math.min(count, triesMax); step += 1) {
    const uid = first + ((begin + step) % count);
    const claim = await claimUser(uid);
    if (claim === null) continue;
    const release = () => void claim.close();
    if (!hasProcesses(uid)) return { uid, gid: uid, release };
    release();
  }
  return null;
}

/** Far more than workers run at once; beyond it something is wrong. */
const triesMax = 1000;

async function claimUser(uid: number): Promise<Server | null> {
  try {
    makeFolder(usersFolder);
    return await claim(join(usersFolder, String(uid)));
  } catch (cause) {
    const detail = `The user ${uid} could not be taken for a command in ${usersFolder}. Check its space and permissions.`;
    throw new ProblemError('spawn_failed', detail, { cause, retryable: true });
  }
}

/** Closed to jobs: a name that they could bind too would keep users from all others. */
export const usersFolder = join(workspacesOfOthers, 'users');

/** null: somebody else has it, or removes what a dead process left there. */
async function claim(path: string): Promise<Server | null> {
  const server = await listenAlone(path);
  if (server !== null || !(await isAbandoned(path))) return server;
  // Two that both saw it abandoned must not remove what a third has bound meanwhile.
  const right = await claim(`${path}.removal`);
  if (right === null) return null;
  try {
    if (await isAbandoned(path)) rmSync(path, { force: true });
  } finally {
    right.close();
  }
  return listenAlone(path);
}

function listenAlone(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (hasCode(error, 'EADDRINUSE') ? resolve(null) : reject(error)));
    server.listen(path, () => resolve(server));
  });
}

/** Whether nobody listens there. A young socket may not listen yet. */
async function isAbandoned(path: string): Promise<boolean> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || Date.now() - found.ctimeMs < limits.claimYoungMs) return false;
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(hasCode(error, 'ECONNREFUSED')));
  });
}

function hasCode(error: Error, code: string): boolean {
  return 'code' in error && error.code === code;
}

function hasProcesses(uid: number): boolean {
  const line = new RegExp(`^Uid:.*\\b${uid}\\b`, 'm');
  return readdirSync('/proc').some(
    (name) => /^\d+$/.test(name) && line.test(readOrEmpty(`/proc/${name}/status`, 'latin1')),
  );
}
