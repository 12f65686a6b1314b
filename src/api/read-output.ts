import type { JobEvent } from '../contract/event.ts';
import type { OutputQuery } from '../contract/http.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { PlainLines } from '../core/plain-lines.ts';
import { bytesOf, textOf } from '../platform/text-or-base64.ts';
import type { LogEntry } from '../store/ports.ts';
import { jobNotFound } from './require-job.ts';
import type { Services } from './services.ts';

type OutputFormat = NonNullable<OutputQuery['format']>;

/** The kept output of a job, a page of its log at a time. */
export interface KeptOutput {
  /** Bytes of the attempt's output that are kept no longer; what follows is whole. */
  beginsAt: number;
  /** Ends with a fault where the log was trimmed past what was to be read next: a hole would not be seen. */
  pieces: AsyncIterable<Buffer>;
}

/**
 * Reads what the newest attempt of a job has written, as far as it is kept, up to now: a command's output, or the text
 * of an answer.
 * @throws {ProblemError} `job_not_found`.
 */
export async function readOutput(
  { log }: Pick<Services, 'log'>,
  id: string,
  { format = 'text', stream }: OutputQuery,
): Promise<KeptOutput> {
  const from = (await log.startOf(id)) - 1;
  const pages = readPages(log, id, from);
  const first = await pages.next();
  const begun = first.done ? [] : first.value;
  const write = writerOf(format);
  const isWanted = ({ type, data }: OutputEvent) =>
    stream === undefined || (type === 'output.delta' && data.stream === stream);
  async function* pieces(): AsyncGenerator<Buffer> {
    const pagesOn = async function* () {
      yield begun;
      yield* pages;
    };
    for await (const events of pagesOn()) {
      const written = events.filter(isWanted).map((event) => write.take(event));
      yield Buffer.concat(written);
    }
    yield write.end();
  }
  return { beginsAt: offsetOf(begun[0]), pieces: pieces() };
}

type OutputEvent = Extract<JobEvent, { type: 'output.delta' | 'text.delta' }>;

/** The events of output, a page at a time; the first page is not empty where there is any. */
async function* readPages(log: Services['log'], id: string, from: number): AsyncGenerator<OutputEvent[]> {
  let upTo: number | null = null;
  let hasGiven = false;
  for (let after = from; upTo === null || after < upTo; ) {
    const page = await log.read(id, after, pageEvents);
    if (page === null) throw jobNotFound(id);
    // Not beyond the end of now, or a program that writes on would never be read to its end.
    upTo ??= page.seq;
    const last = page.entries.at(-1);
    if (hasGiven && (last === undefined || page.min > after + 1)) throw trimmed(id);
    if (last === undefined) return;
    const events = page.entries.filter((entry) => isOutput(entry, upTo ?? entry.seq)).map(eventOf);
    hasGiven ||= events.length > 0;
    if (events.length > 0) yield events;
    after = last.seq;
  }
}

const pageEvents = 500;

function isOutput({ type, seq }: LogEntry, upTo: number): boolean {
  return seq <= upTo && (type === 'output.delta' || type === 'text.delta');
}

function eventOf({ payload }: LogEntry): OutputEvent {
  return JSON.parse(payload);
}

function offsetOf(event: OutputEvent | undefined): number {
  return event?.type === 'output.delta' ? event.data.offset : 0;
}

function trimmed(job: string): ProblemError {
  return new ProblemError(
    'internal',
    `The log of job ${job} was trimmed past what was to be read next. Read the output again.`,
  );
}

interface Writer {
  take(event: OutputEvent): Buffer;
  end(): Buffer;
}

function writerOf(format: OutputFormat): Writer {
  if (format === 'plain') return plainWriter();
  return {
    take: (event) => (format === 'raw' ? bytesOf(event.data) : Buffer.from(textOf(event.data))),
    end: () => Buffer.alloc(0),
  };
}

/** Lines of two streams are not mixed. */
function plainWriter(): Writer {
  const lines = new Map<string, PlainLines>();
  return {
    take: (event) => {
      const name = event.type === 'output.delta' ? event.data.stream : 'text';
      const ofStream = lines.get(name) ?? new PlainLines(limits.plainLineCharactersMax);
      lines.set(name, ofStream);
      return Buffer.from(ofStream.take(textOf(event.data)));
    },
    end: () => Buffer.from([...lines.values()].map((ofStream) => ofStream.end()).join('')),
  };
}
