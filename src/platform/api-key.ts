import { randomBytes, randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDataFolder } from './data-folder.ts';
import { errorCode } from './error-code.ts';
import { exitCodes, StartError } from './start-error.ts';

export interface ApiKey {
  key: string;
  /** Where a generated key is kept, closed to others; null for a configured one. */
  file: string | null;
}

const idBytes = 4;
const secretBytes = 32;

/**
 * The key clients send: the configured one, else the one in the data folder, else a new one
 * `llmx_<id>_<32 random bytes>` kept there. Processes that start at once get the same.
 * @throws {StartError} when the file cannot be read or written, or holds no key.
 */
export async function ensureApiKey(options: { dataDir: string; configured: string | null }): Promise<ApiKey> {
  const { dataDir, configured } = options;
  if (configured !== null) return { key: configured, file: null };
  const file = join(dataDir, 'api-key');
  try {
    const key = (await readKey(file)) ?? (await makeKey(dataDir, file));
    if (/^[\x21-\x7e]+$/.test(key)) return { key, file };
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      exitCodes.misconfigured,
      `The key file ${file} cannot be used (${errorCode(error)}).`,
      {
        cause: error,
      },
    );
  }
  throw new StartError(
    exitCodes.misconfigured,
    `The key file ${file} holds no key. Remove it, and the next start makes a new one.`,
  );
}

async function readKey(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Written apart and linked: who comes second finds a whole key, and uses it. */
async function makeKey(dataDir: string, file: string): Promise<string> {
  makeDataFolder(dataDir);
  const draft = `${file}.${randomUUID()}`;
  const key = `llmx_${randomBytes(idBytes).toString('hex')}_${randomBytes(secretBytes).toString('base64url')}`;
  await writeFile(draft, `${key}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, file);
    return key;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return (await readKey(file)) ?? key;
  } finally {
    await rm(draft, { force: true });
  }
}
