// One lock for what writes into this folder: the installation and the build. No dependencies, Node 18 and later.

import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const waitMs = 200;

/** Waits for the lock; takes over one whose holder is gone. Answers what gives it back. */
export async function takeLock(root) {
  const folder = join(root, '.cache');
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'install.lock');
  const draft = `${lock}.${randomUUID()}`;
  writeFileSync(draft, `${process.pid} ${randomUUID()}`);
  let told = false;
  try {
    while (!tryLink(draft, lock)) {
      const holder = readOrNull(lock);
      if (holder === null) continue;
      if (!isAlive(Number(holder.split(' ')[0]))) bury(lock, holder);
      else if (!told)
        process.stderr.write('Another start installs or builds at this moment; waiting for it.\n');
      told = true;
      await sleep(waitMs);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(lock, { force: true });
}

/** Only who makes the grave removes the lock, and only after seeing the dead holder in it. */
function bury(lock, holder) {
  const grave = `${lock}.dead.${holder.split(' ')[1]}`;
  try {
    if (tryLink(lock, grave) && readOrNull(grave) === holder) rmSync(lock, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  rmSync(grave, { force: true });
}

function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function readOrNull(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
