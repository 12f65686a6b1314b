import { type Static, Type } from 'typebox';
import { CommandLimits } from './command-limits.ts';
import { FileNotes, SubmittedFiles } from './files.ts';
import { jobIdPattern } from './job-id.ts';
import { limits } from './limits.ts';
import { nullable } from './nullable.ts';
import { Problem } from './problem.ts';
import { promptFields } from './prompt.ts';
import { CommandResult, type JobResult, PromptResult, Usage } from './result.ts';
import { Timestamp } from './timestamp.ts';

const strict = { additionalProperties: false } as const;

export const JobId = Type.String({
  pattern: jobIdPattern,
  description: 'A lower-case ULID with the prefix job_.',
});
export const Cursor = Type.String({ description: '`<epoch>-<seq>`: a place in the log of one job.' });

const Variables = Type.Record(
  Type.String({ pattern: '^(?!LLMMIXER_)[A-Za-z_][A-Za-z0-9_]{0,255}$' }),
  Type.String({ maxLength: limits.variableCharactersMax, pattern: '^[^\\u0000]*$' }),
  {
    maxProperties: limits.variablesMax,
    additionalProperties: false,
    description:
      'Names are letters, digits and underscores; those that begin with LLMMIXER_ belong to the service.',
  },
);

const withoutNul = '^[^\\u0000]*$';
const onlyInteractive = { description: 'Of the terminal; only with `interactive: true`.' };
const columns = Type.Integer({ minimum: 1, maximum: limits.columnsMax, ...onlyInteractive });
const rows = Type.Integer({ minimum: 1, maximum: limits.rowsMax, ...onlyInteractive });

/** Fields that both kinds of job take. */
const shared = {
  priority: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 9, description: 'Higher runs first. Default 5.' }),
  ),
  delayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.delayMsMax })),
  timeoutMs: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.runMsMax,
      description: 'For each attempt. Default: 24 hours.',
    }),
  ),
  idleTimeoutMs: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.runMsMax, description: 'Longest silence of a running job.' }),
  ),
  ttlMs: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.ttlMsMax,
      description: 'Longest time from createdAt + delayMs to the first start.',
    }),
  ),
  attempts: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.attemptsMax,
      description: 'Default 1 for commands, 3 for prompts.',
    }),
  ),
  rerun: Type.Optional(
    Type.Enum(['beforeStart', 'always'], {
      description:
        'What may happen when a worker dies in the middle. beforeStart (default for commands): a run that started is never started again. always (default for prompts): it is reset and run again.',
    }),
  ),
  tags: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: limits.tagLengthMax }), {
      maxItems: limits.tagsMax,
      uniqueItems: true,
    }),
  ),
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
};

const commandFields = {
  type: Type.Literal('command'),
  argv: Type.Optional(
    Type.Array(Type.String({ maxLength: limits.commandCharactersMax, pattern: withoutNul }), {
      minItems: 1,
      maxItems: limits.argumentsMax,
      description: 'Program and arguments; no shell reads them.',
    }),
  ),
  shell: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: limits.commandCharactersMax,
      pattern: withoutNul,
      description: 'A line for bash, or /bin/sh where there is no bash.',
    }),
  ),
  interactive: Type.Optional(
    Type.Boolean({
      description: 'In a pseudo-terminal that takes input. Default false: over pipes, without input.',
    }),
  ),
  cwd: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 4096,
      pattern: withoutNul,
      description: 'Relative to the workspace of the job, or absolute under one of LLMMIXER_WORK_ROOTS.',
    }),
  ),
  env: Type.Optional(Variables),
  network: Type.Optional(
    Type.Boolean({
      description:
        'false: the command reaches no network, not even this machine itself; refused where that cannot be kept. Default: LLMMIXER_NETWORK.',
    }),
  ),
  readOnlyPaths: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 4096, pattern: '^/[^\\u0000]*$' }), {
      maxItems: limits.readOnlyPathsMax,
      description: 'Further paths the sandbox shows, under one of LLMMIXER_READ_ONLY_PATHS.',
    }),
  ),
  limits: Type.Optional(CommandLimits),
  stdin: Type.Optional(Type.String({ maxLength: limits.stdinBytesMax })),
  cols: Type.Optional(columns),
  rows: Type.Optional(rows),
};

const exactlyOneCommand = { oneOf: [{ required: ['argv'] }, { required: ['shell'] }] };

export const CommandSubmission = Type.Object(
  {
    ...commandFields,
    files: Type.Optional(SubmittedFiles),
    secrets: Type.Optional(Variables),
    ...shared,
  },
  { ...strict, ...exactlyOneCommand },
);
export type CommandSubmission = Static<typeof CommandSubmission>;

export const CommandSpec = Type.Object(
  { ...commandFields, files: Type.Optional(FileNotes), ...shared },
  { ...strict, ...exactlyOneCommand },
);
export type CommandSpec = Static<typeof CommandSpec>;

export const PromptSpec = Type.Object(
  { type: Type.Literal('prompt'), ...promptFields, ...shared },
  { ...strict, oneOf: [{ required: ['prompt'] }, { required: ['messages'] }] },
);
export type PromptSpec = Static<typeof PromptSpec>;

const byType = { type: 'object', required: ['type'], discriminator: { propertyName: 'type' } } as const;

/** What a client submits. */
export const JobSubmission = Type.Unsafe<CommandSubmission | PromptSpec>({
  ...byType,
  oneOf: [CommandSubmission, PromptSpec],
});
export type JobSubmission = CommandSubmission | PromptSpec;

/** What is stored and shown: the submission without its secrets. */
export const JobSpec = Type.Unsafe<CommandSpec | PromptSpec>({ ...byType, oneOf: [CommandSpec, PromptSpec] });
export type JobSpec = CommandSpec | PromptSpec;

export const jobStatuses = [
  'delayed',
  'queued',
  'running',
  'waiting',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export const JobStatus = Type.Enum([...jobStatuses]);
export type JobStatus = (typeof jobStatuses)[number];
export type FinalStatus = Extract<JobStatus, 'succeeded' | 'failed' | 'cancelled'>;

export function isFinal(status: string): status is FinalStatus {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

export const Job = Type.Object(
  {
    id: JobId,
    type: Type.Enum(['command', 'prompt']),
    status: JobStatus,
    spec: JobSpec,
    attempt: Type.Integer({
      minimum: 0,
      description: 'The newest attempt, counted from 1; 0 before the first.',
    }),
    createdAt: Timestamp,
    startedAt: nullable(Timestamp),
    finishedAt: nullable(Timestamp),
    waitingFor: nullable(Type.String()),
    result: Type.Unsafe<JobResult | null>({ anyOf: [CommandResult, PromptResult, { type: 'null' }] }),
    error: nullable(Problem),
    usage: nullable(Usage),
    cursor: Cursor,
    tags: Type.Array(Type.String()),
    metadata: Type.Record(Type.String(), Type.Unknown()),
    retryOf: nullable(JobId),
    links: Type.Object({ self: Type.String(), events: Type.String() }),
  },
  { $id: 'Job' },
);
export type Job = Static<typeof Job>;
