// One lock for what writes into this folder: the installation and the build. No dependencies, Node 18 and later.

import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, processIdentity } from './process-identity.mjs';

const waitMs = 200;
/** Burying takes microseconds, so a grave this old was left by one more crash. */
const graveMsMax = 10_000;

/**
 * Waits for the lock; takes over one whose holder is gone. The lock names its holder by pid and start time.
 * A process takes it once at a time.
 * @returns what gives it back.
 */
export async function takeLock(root) {
  const folder = join(root, '.cache');
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'install.lock');
  const draft = `${lock}.${randomUUID()}`;
  writeFileSync(draft, `${processIdentity(process.pid)} ${randomUUID()}`);
  const say = sayOnce();
  try {
    while (!tryLink(draft, lock)) {
      const { content, fault } = read(lock);
      if (content !== null && !isHeld(content)) bury(lock, content);
      else if (content !== null) say('Another start installs or builds at this moment; waiting for it.');
      // One that is gone was given back between the two looks.
      else if (fault !== 'ENOENT')
        say(`${lock} cannot be read (${fault}); waiting until it is gone. Remove it if no other start runs.`);
      await sleep(waitMs);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(lock, { force: true });
}

function sayOnce() {
  const said = new Set();
  return (line) => {
    if (!said.has(line)) process.stderr.write(`${line}\n`);
    said.add(line);
  };
}

/** Who waits holds nothing, so a lock with its own pid was left by an earlier process of that number. */
function isHeld(content) {
  const [holder] = content.split(' ');
  return !holder.startsWith(`${process.pid}-`) && isAlive(holder);
}

/**
 * Only who makes the grave removes it and the lock, and the lock only after seeing the dead holder in the grave:
 * else one that was taken in the meantime could be removed. A grave that stays was left by a crash.
 */
function bury(lock, holder) {
  const grave = `${lock}.dead.${holder.split(' ')[1]}`;
  try {
    if (tryLink(lock, grave)) {
      if (read(grave).content === holder) rmSync(lock, { force: true });
    } else if (Date.now() - statSync(grave).ctimeMs <= graveMsMax) return;
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
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

/** Its content, or the code of why there is none. */
function read(file) {
  try {
    return { content: readFileSync(file, 'utf8'), fault: null };
  } catch (error) {
    return { content: null, fault: error.code };
  }
}
