import { type Static, Type } from 'typebox';
import { limits } from './limits.ts';
import { nullable } from './nullable.ts';

const strict = { additionalProperties: false } as const;

/** What one command may use, at most. */
const limitFields = {
  processes: Type.Integer({
    minimum: 1,
    maximum: limits.jobProcessesMax,
    description: 'Processes and threads of the job.',
  }),
  openFiles: Type.Integer({
    minimum: 16,
    maximum: limits.jobOpenFilesMax,
    description: 'Open files of one process.',
  }),
  fileBytes: Type.Integer({ minimum: 1, maximum: limits.jobBytesMax, description: 'Bytes of one file.' }),
  cpuSeconds: Type.Integer({
    minimum: 1,
    maximum: limits.jobCpuSecondsMax,
    description: 'CPU time of one process.',
  }),
  memoryBytes: Type.Integer({
    minimum: limits.jobMemoryBytesMin,
    maximum: limits.jobBytesMax,
    description: 'Memory of the job.',
  }),
};
export const CommandLimits = Type.Partial(Type.Object(limitFields, strict), strict);
export type CommandLimits = Static<typeof CommandLimits>;

/** Limits as they are kept; null: this machine has no means to. */
export const EffectiveLimits = Type.Object({
  processes: nullable(limitFields.processes),
  openFiles: nullable(limitFields.openFiles),
  fileBytes: nullable(limitFields.fileBytes),
  cpuSeconds: nullable(limitFields.cpuSeconds),
  memoryBytes: nullable(limitFields.memoryBytes),
});
export type EffectiveLimits = Static<typeof EffectiveLimits>;
