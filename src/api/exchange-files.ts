import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { askPlace, type FileRequest, FrameWriter, readFrames } from '../store/file-exchange.ts';
import { refused } from './check-submission.ts';
import { requireJob } from './require-job.ts';
import type { Services } from './services.ts';

type Question = { op: 'list' } | { op: 'read'; names: string[] } | { op: 'write'; names: string[] };

/** What a place answers: a head, and the bytes of a file. */
export interface PlaceAnswer<Head> {
  head: Head;
  /** To be read, or destroyed. */
  content: Readable;
}

/**
 * Exchanges files with the machine where the workspace of a job lies, a few at a time.
 */
export class FileExchange {
  readonly #services: Pick<Services, 'log' | 'records'>;
  #running = 0;

  constructor(services: Pick<Services, 'log' | 'records'>) {
    this.#services = services;
  }

  /**
   * @param upload the content of a file that is to be written.
   * @throws {ProblemError} `job_not_found`, `no_workspace`, `workspace_gone`, `file_not_found`, `too_many_transfers`,
   *   `transfer_broken`, `payload_too_large`.
   */
  async ask<Head>(
    job: string,
    question: Question,
    upload?: AsyncIterable<Uint8Array>,
  ): Promise<PlaceAnswer<Head>> {
    const place = await this.#placeOf(job, question);
    if (this.#running >= limits.fileTransfersMax) throw tooMany();
    this.#running += 1;
    let isOver = false;
    const over = () => {
      if (!isOver) this.#running -= 1;
      isOver = true;
    };
    try {
      const { redis } = this.#services.log.connection;
      const request: FileRequest = { ...question, id: randomBytes(12).toString('hex'), job };
      if (!(await askPlace(redis, place, request))) throw nobodyThere(job);
      if (upload !== undefined) await send(new FrameWriter(redis, { id: request.id, to: 'place' }), upload);
      const frames = readFrames(redis, { id: request.id, to: 'asker' });
      const first = (await frames.next()).value;
      if (first === undefined || !('head' in first)) throw new TypeError('a place answers with a head first');
      const content = Readable.from(bytesOf(frames), { objectMode: false });
      content.on('close', over);
      return { head: first.head as Head, content };
    } catch (error) {
      over();
      throw error;
    }
  }

  async #placeOf(id: string, { op }: Question): Promise<string> {
    const { records } = this.#services;
    const job = await requireJob(this.#services, id);
    if (job.type !== 'command') throw noWorkspace(id, 'is a prompt, which has no folder');
    if (op === 'write' && job.finishedAt !== null)
      throw noWorkspace(id, 'has ended, so nothing would read the file');
    const place = await records.extra(id, 'place');
    if (place === null) throw noWorkspace(id, 'has not started; give it files in "files" when you submit it');
    return place;
  }
}

async function* bytesOf(
  frames: AsyncGenerator<{ head: unknown } | { bytes: Buffer }>,
): AsyncGenerator<Buffer> {
  for await (const frame of frames) if ('bytes' in frame) yield frame.bytes;
}

/** What is not sent to its end is not written. */
async function send(writer: FrameWriter, content: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > limits.fileBytesMax) throw refused('/', `is larger than ${limits.fileBytesMax} bytes`);
      await writer.write({ bytes: Buffer.from(chunk) });
    }
  } catch (error) {
    const why = new ProblemError('transfer_broken', 'The upload broke off, so the file was not written.');
    await writer.write({ problem: why.problem });
    throw error;
  }
  await writer.write({ end: true });
}

function noWorkspace(job: string, why: string): ProblemError {
  return new ProblemError('no_workspace', `Job ${job} ${why}.`);
}

function nobodyThere(job: string): ProblemError {
  return new ProblemError(
    'transfer_broken',
    `No worker runs where the files of job ${job} lie. Start one there and ask again.`,
    { retryAfterSeconds: 5 },
  );
}

function tooMany(): ProblemError {
  return new ProblemError(
    'too_many_transfers',
    `${limits.fileTransfersMax} files are being sent by this process already. Ask again in a moment.`,
    { retryAfterSeconds: 1 },
  );
}
