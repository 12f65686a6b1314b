import { totalmem } from 'node:os';
import { limits } from '../contract/limits.ts';
import type { ConfigReader } from './config-reader.ts';

/** What one job may use, at most; a job may ask for less. */
export interface JobLimits {
  /** Processes and threads. */
  processes: number;
  /** Open files of one process. */
  openFiles: number;
  /** Bytes of one file. */
  fileBytes: number;
  /** CPU seconds of one process. */
  cpuSeconds: number;
  memoryBytes: number;
}

/** Reads what commands may use and whose rights they have. */
export function readJobLimits(reader: ConfigReader): {
  jobUids: { first: number; last: number };
  jobLimits: JobLimits;
} {
  const { jobProcessesMax, jobOpenFilesMax, jobBytesMax, jobCpuSecondsMax, jobMemoryBytesMin } = limits;
  const memoryBytes = reader.integer('LLMMIXER_JOB_MEMORY_BYTES', { min: 0, max: jobBytesMax });
  if (memoryBytes > 0 && memoryBytes < jobMemoryBytesMin)
    reader.faults.push(`LLMMIXER_JOB_MEMORY_BYTES must be 0 or at least ${jobMemoryBytesMin}.`);
  return {
    jobUids: readJobUids(reader),
    jobLimits: {
      processes: reader.integer('LLMMIXER_JOB_PROCESSES', { min: 1, max: jobProcessesMax }),
      openFiles: reader.integer('LLMMIXER_JOB_OPEN_FILES', { min: 16, max: jobOpenFilesMax }),
      fileBytes: reader.integer('LLMMIXER_JOB_FILE_BYTES', { min: 1, max: jobBytesMax }),
      cpuSeconds: reader.integer('LLMMIXER_JOB_CPU_SECONDS', { min: 1, max: jobCpuSecondsMax }),
      memoryBytes: memoryBytes || Math.floor(totalmem() / 2),
    },
  };
}

function readJobUids(reader: ConfigReader): { first: number; last: number } {
  const text = reader.text('LLMMIXER_JOB_UIDS') ?? '';
  const [, first, last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (range.first >= 1 && range.first <= range.last && range.last < uidMax) return range;
  reader.faults.push(
    `LLMMIXER_JOB_UIDS must be a user id or two of them, such as 61184-65519, not "${text}".`,
  );
  return range;
}

/** (uid_t) -1 means nobody at all. */
const uidMax = 2 ** 32 - 1;
