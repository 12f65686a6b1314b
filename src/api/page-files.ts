import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { errorCode } from '../platform/error-code.ts';

/** A file of the built page. */
export interface Asset {
  mediaType: string;
  bytes: Buffer;
  /** The same, compressed; null where that is not smaller. */
  gzipped: Buffer | null;
}

/** The built page in its folder, which may be absent, and may be built anew while it is served. */
export interface PageFiles {
  /** `index.html` as it is now; null where the page is not built. */
  index(): Promise<Buffer | null>;
  /** A file of `assets`; null where there is none of that name. */
  asset(name: string): Promise<Asset | null>;
}

export function createPageFiles(folder: string): PageFiles {
  // Their names hold a digest of their content, so what was read once stays true.
  const known = new Map<string, Asset>();
  return {
    index: () => read(join(folder, 'index.html')),
    asset: async (name) => {
      if (!plainName.test(name)) return null;
      const found = known.get(name) ?? (await readAsset(join(folder, 'assets', name)));
      if (found !== null) known.set(name, found);
      return found;
    },
  };
}

/** One name, not a path: nothing above or below the folder can be asked for. */
const plainName = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

const mediaTypes: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

async function readAsset(path: string): Promise<Asset | null> {
  const bytes = await read(path);
  if (bytes === null) return null;
  const mediaType = mediaTypes[extname(path)] ?? 'application/octet-stream';
  const gzipped = await compress(bytes);
  return { mediaType, bytes, gzipped: gzipped.length < bytes.length ? gzipped : null };
}

const compress = promisify(gzip);

async function read(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (absent.includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}

const absent = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'];
