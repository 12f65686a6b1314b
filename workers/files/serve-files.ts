import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { jobIdPattern } from '../../src/contract/job-id.ts';
import { limits } from '../../src/contract/limits.ts';
import { ProblemError, problem } from '../../src/contract/problem.ts';
import { errorCode } from '../../src/platform/error-code.ts';
import {
  claimRequest,
  type FileRequest,
  FrameWriter,
  fileBytes,
  listenAtPlace,
  readFrames,
} from '../../src/store/file-exchange.ts';
import { Folder } from './within-folder.ts';

export interface FileServerOptions {
  redis: Redis;
  subscriber: Redis;
  /** Names the folder of workspaces, whichever worker serves it. */
  place: string;
  workspacesDir: string;
  logger: Logger;
}

/**
 * Answers what is asked of files in the workspaces of this place. Several workers may serve one place; each request
 * is answered by one of them. Answers a function that stops it.
 */
export function serveFiles(options: FileServerOptions): () => void {
  return listenAtPlace(options.subscriber, options.place, (request) => {
    void answer(options, request).catch((error: unknown) =>
      options.logger.debug({ err: error, job: request.job }, 'a request for files was not answered'),
    );
  });
}

async function answer(options: FileServerOptions, request: FileRequest): Promise<void> {
  const { redis, workspacesDir } = options;
  if (!new RegExp(jobIdPattern).test(request.job) || !(await claimRequest(redis, request))) return;
  const writer = new FrameWriter(redis, { id: request.id, to: 'asker' });
  try {
    const folder = await openWorkspace(join(workspacesDir, request.job), request.job);
    try {
      await carryOut(redis, { request, folder, writer });
    } finally {
      await folder.close();
    }
    await writer.write({ end: true });
  } catch (error) {
    await writer.write({ problem: problemOf(error, options, request) });
  }
}

async function openWorkspace(path: string, job: string): Promise<Folder> {
  try {
    return await Folder.open(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new ProblemError(
      'workspace_gone',
      `The workspace of job ${job} is no longer kept: LLMMIXER_WORKSPACE_HOURS have passed since it ended.`,
    );
  }
}

async function carryOut(
  redis: Redis,
  { request, folder, writer }: { request: FileRequest; folder: Folder; writer: FrameWriter },
): Promise<void> {
  switch (request.op) {
    case 'list':
      return writer.write({ head: await folder.list(limits.fileEntriesMax, request) });
    case 'write': {
      const frames = readFrames(redis, { id: request.id, to: 'place' });
      return writer.write({ head: await folder.writeFile(request.names, fileBytes(frames)) });
    }
    case 'read': {
      const { handle, bytes } = await folder.openFile(request.names);
      try {
        if (bytes > limits.fileBytesMax) throw tooLarge(request.names);
        await writer.write({ head: { bytes } });
        await sendContent(handle, { bytes, writer });
      } finally {
        await handle.close();
      }
    }
  }
}

/** It may have grown or shrunk since: no more than was announced is sent, and less breaks the transfer. */
async function sendContent(
  handle: FileHandle,
  { bytes, writer }: { bytes: number; writer: FrameWriter },
): Promise<void> {
  for (let sent = 0; sent < bytes; ) {
    const chunk = Buffer.alloc(Math.min(limits.exchangeFrameBytes, bytes - sent));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, sent);
    if (bytesRead === 0)
      throw new ProblemError('transfer_broken', 'The file became shorter while it was read.');
    await writer.write({ bytes: chunk.subarray(0, bytesRead) });
    sent += bytesRead;
  }
}

function tooLarge(names: readonly string[]): ProblemError {
  return new ProblemError(
    'payload_too_large',
    `${JSON.stringify(names.join('/'))} is larger than the ${limits.fileBytesMax} bytes that are sent of one file.`,
  );
}

function problemOf(error: unknown, { logger }: FileServerOptions, { job }: FileRequest) {
  if (error instanceof ProblemError) return error.problem;
  logger.warn({ err: error, job }, 'a file of a job could not be read or written');
  const detail = `A file of job ${job} could not be read or written (${errorCode(error) ?? 'unknown'}); the log of its worker has the details.`;
  return problem('internal', detail);
}
