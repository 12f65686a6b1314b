import { type Static, Type } from 'typebox';
import { EffectiveLimits } from './command-limits.ts';
import { Cursor, JobId, JobStatus } from './job.ts';
import { nullable } from './nullable.ts';
import { Problem } from './problem.ts';
import {
  CommandResult,
  type JobResult,
  PromptResult,
  sandboxLevels,
  ToolCall,
  terminalKinds,
  Usage,
} from './result.ts';
import { Timestamp } from './timestamp.ts';

const finalResult = Type.Unsafe<JobResult | null>({ anyOf: [CommandResult, PromptResult, { type: 'null' }] });

/** The data of each kind of event. Everything that happens to a job is one of these. */
export const eventData = {
  'job.queued': Type.Object({ reason: Type.Optional(Type.String()) }),
  'job.delayed': Type.Object({ reason: Type.Optional(Type.String()), until: Type.Optional(Timestamp) }),
  'job.started': Type.Object({
    worker: Type.String(),
    terminal: Type.Optional(Type.Enum([...terminalKinds])),
    sandbox: Type.Optional(Type.Enum([...sandboxLevels])),
    model: Type.Optional(Type.String()),
    limits: Type.Optional(EffectiveLimits),
    pid: Type.Optional(Type.Integer()),
    note: Type.Optional(Type.String()),
  }),
  'output.delta': Type.Object({
    stream: Type.Enum(['stdout', 'stderr', 'tty']),
    offset: Type.Integer({
      description: 'How many bytes of output of this attempt come before it, of all streams together.',
    }),
    text: Type.Optional(Type.String()),
    base64: Type.Optional(
      Type.String({ description: 'Instead of text, where the bytes are not valid UTF-8.' }),
    ),
  }),
  'text.delta': Type.Object({ text: Type.String() }),
  'reasoning.delta': Type.Object({ text: Type.String() }),
  'tool.call': ToolCall,
  'output.reset': Type.Object({ reason: Type.String() }),
  'usage.updated': Usage,
  'input.accepted': Type.Object({
    message: Type.Optional(Type.String({ description: 'The message id the sender gave.' })),
    bytes: Type.Integer(),
    by: Type.String(),
    eof: Type.Optional(Type.Boolean()),
    signal: Type.Optional(Type.String()),
  }),
  'interaction.resolved': Type.Object({ id: Type.String(), outcome: Type.String(), by: Type.String() }),
  'terminal.resized': Type.Object({ cols: Type.Integer(), rows: Type.Integer(), by: Type.String() }),
  'cancel.requested': Type.Object({ reason: Type.String(), by: Type.String() }),
  'attempt.failed': Type.Object({ error: Problem, retryInMs: Type.Optional(Type.Integer()) }),
  'history.lost': Type.Object({
    from: Type.String({ description: 'Key of the first event that Redis lost and no one holds any more.' }),
    to: Type.String(),
  }),
  'output.truncated': Type.Object({ limitBytes: Type.Integer() }),
  'job.ended': Type.Object({
    status: Type.Enum(['succeeded', 'failed', 'cancelled']),
    result: finalResult,
    error: nullable(Problem),
    usage: nullable(Usage),
  }),
} as const;

export type EventType = keyof typeof eventData;
export type EventData<T extends EventType> = Static<(typeof eventData)[T]>;
export const eventTypes = Object.keys(eventData) as EventType[];

/** An event before it has a place in the log: what its producer says. */
export type EventDraft = { [T in EventType]: { type: T; data: EventData<T> } }[EventType];

const envelope = {
  id: Type.String({ description: 'The cursor of this event: `<epoch>-<seq>`.' }),
  key: Type.String({ description: 'Idempotency key: the same for the same event, whatever is retried.' }),
  job: JobId,
  attempt: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
  at: Timestamp,
};

interface Envelope {
  id: string;
  key: string;
  job: string;
  attempt: number | null;
  at: string;
}

export type JobEvent = { [T in EventType]: Envelope & { type: T; data: EventData<T> } }[EventType];
export const JobEvent = Type.Unsafe<JobEvent>({
  $id: 'JobEvent',
  type: 'object',
  required: ['type'],
  discriminator: { propertyName: 'type' },
  oneOf: eventTypes.map((type) =>
    Type.Object({ ...envelope, type: Type.Literal(type), data: eventData[type] }),
  ),
});

/** A ring of the bell: something changed in a job, look it up if it matters to you. */
export const FeedEvent = Type.Object(
  {
    id: Type.String({ description: "Redis's own stream id; a cursor for `GET /v1/events` only." }),
    type: Type.Literal('job.changed'),
    data: Type.Object({ job: JobId, status: JobStatus, cursor: Cursor }),
  },
  { $id: 'FeedEvent' },
);
export type FeedEvent = Static<typeof FeedEvent>;
