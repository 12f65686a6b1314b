import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { askPlace, type FileRequest, FrameWriter, fileBytes, readFrames } from '../store/file-exchange.ts';
import { requireJob } from './require-job.ts';
import type { Services } from './services.ts';

type Question =
  | { op: 'list'; names: string[]; recursive: boolean }
  | { op: 'read'; names: string[] }
  | { op: 'write'; names: string[] };

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
  async ask<Head>(job: string, question: Question, upload?: Readable): Promise<PlaceAnswer<Head>> {
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
      const sending = { isOver: upload === undefined };
      const frames = readFrames(redis, { id: request.id, to: 'asker', isDue: () => sending.isOver });
      const answer = frames.next();
      if (upload !== undefined) {
        const writer = new FrameWriter(redis, { id: request.id, to: 'place' });
        await send(writer, { upload, unwanted: whenSettled(answer) }).finally(() => {
          sending.isOver = true;
        });
      }
      const first = (await answer).value;
      if (first === undefined || !('head' in first)) throw new TypeError('a place answers with a head first');
      const content = Readable.from(fileBytes(frames), { objectMode: false });
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
    if (place === null && job.finishedAt !== null)
      throw noWorkspace(id, 'ended before it started, so it never had a folder');
    if (place === null) {
      const why = 'has not started; give it files in "files" when you submit it, or ask again when it runs';
      throw noWorkspace(id, why, { retryable: true });
    }
    return place;
  }
}

/**
 * What is not sent to its end is not written. A place that has answered already has refused it; then the rest is read
 * and forgotten, for the request must live for its answer, and its connection for the next request.
 */
async function send(
  writer: FrameWriter,
  { upload, unwanted }: { upload: Readable; unwanted: AbortSignal },
): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of upload.iterator({ destroyOnReturn: false })) {
      if (unwanted.aborted) return;
      bytes += chunk.length;
      if (bytes > limits.fileBytesMax) throw tooLarge();
      await writer.write({ bytes: Buffer.from(chunk) }, unwanted);
    }
  } catch (error) {
    const why = new ProblemError('transfer_broken', 'The upload broke off, so the file was not written.');
    await writer.write({ problem: why.problem }, AbortSignal.abort()); // who does not fetch was waited for already
    throw error;
  } finally {
    upload.resume();
  }
  await writer.write({ end: true }, unwanted);
}

function whenSettled(answer: Promise<unknown>): AbortSignal {
  const settled = new AbortController();
  const settle = () => settled.abort();
  answer.then(settle, settle);
  return settled.signal;
}

function tooLarge(): ProblemError {
  return new ProblemError(
    'payload_too_large',
    `A file may have ${limits.fileBytesMax} bytes at most, and this has more. It was not written.`,
  );
}

function noWorkspace(job: string, why: string, { retryable = false } = {}): ProblemError {
  return new ProblemError('no_workspace', `Job ${job} ${why}.`, { retryable });
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
