import { randomUUID } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';
import { isAlive, processIdentity } from './process-identity.ts';

/**
 * Who uses a private Redis: one empty file a holder, named after its process. A count in a file would be
 * wrong for ever after one crash; the file of a process that is gone counts for nothing and is removed.
 */
export interface RedisHolders {
  /** Enters this process, once more for every call. Answers the holder's name. */
  enter(): Promise<string>;
  leave(holder: string): Promise<void>;
  /** Whether any living process holds. */
  anyAlive(): Promise<boolean>;
}

export function createRedisHolders(folder: string): RedisHolders {
  return {
    async enter() {
      makeFolder(folder);
      const holder = `${await processIdentity(process.pid)}-${randomUUID()}`;
      await writeFile(join(folder, holder), '', { mode: 0o600 });
      return holder;
    },
    async leave(holder) {
      await rm(join(folder, holder), { force: true });
    },
    async anyAlive() {
      let alive = false;
      for (const holder of await readdir(folder)) {
        if (await isAlive(identityOf(holder))) alive = true;
        else await rm(join(folder, holder), { force: true });
      }
      return alive;
    },
  };
}

function identityOf(holder: string): string {
  return holder.split('-').slice(0, 2).join('-');
}
