import { type Static, Type } from 'typebox';
import { exactlyOneInput, inputFields, MessageId, reasonField, sizeFields } from './control.ts';
import { type FeedEvent, JobEvent } from './event.ts';
import { Cursor, Job, JobId } from './job.ts';
import { jobFilterFields } from './job-filter.ts';
import type { Problem } from './problem.ts';
import { ScreenSnapshot } from './screen.ts';

/** Frames that say something about the stream itself. They carry no id and are in no log. */
export const controlData = {
  'caught.up': Type.Object({}),
  'history.truncated': Type.Object({ from: Cursor, to: Cursor, oldest: Cursor, job: Type.Optional(Job) }),
  'history.reset': Type.Object({ epoch: Type.Integer(), job: Job }),
  'screen.snapshot': Type.Object(
    {
      ...ScreenSnapshot.properties,
      job: JobId,
      cursor: Type.Unsafe<string>({
        ...Cursor,
        description: 'The last event that is in it; the next follows.',
      }),
    },
    { description: 'The terminal of the job, for a reader that asked for it, in place of what came before.' },
  ),
  'server.closing': Type.Object({
    retryMs: Type.Integer({
      description:
        'Come back after so many milliseconds: each reader is told another time, so that they do not return as one.',
    }),
  }),
  'slow.consumer': Type.Object({}),
} as const;
export type ControlType = keyof typeof controlData;
export type ControlFrame = {
  [T in ControlType]: { type: T; data: Static<(typeof controlData)[T]> };
}[ControlType];
const ControlFrame = Type.Unsafe<ControlFrame>({
  type: 'object',
  required: ['type'],
  discriminator: { propertyName: 'type' },
  oneOf: (Object.keys(controlData) as ControlType[]).map((type) =>
    Type.Object({ type: Type.Literal(type), data: controlData[type] }),
  ),
});

/** One page of a job's log, as `GET /v1/jobs/{id}/events` answers `Accept: application/json`. */
export const EventPage = Type.Object(
  {
    events: Type.Array(JobEvent),
    next: Type.Unsafe<string>({ ...Cursor, description: 'Pass as `after` to go on.' }),
    ended: Type.Boolean({ description: 'true when the last event of the job is behind `next`.' }),
    notices: Type.Array(ControlFrame),
  },
  { $id: 'EventPage' },
);
export type EventPage = Static<typeof EventPage>;

const strict = { additionalProperties: false } as const;
const msg = Type.Optional(MessageId);
const op = <T extends string>(name: T) => ({ op: Type.Literal(name) });

const Subscribe = Type.Object(
  {
    ...op('subscribe'),
    job: JobId,
    after: Type.Optional(Type.String()),
    screen: Type.Optional(Type.Boolean()),
    msg,
  },
  strict,
);
const Unsubscribe = Type.Object({ ...op('unsubscribe'), job: JobId, msg }, strict);
const Feed = Type.Object(
  { ...op('feed'), ...jobFilterFields, after: Type.Optional(Type.String()), msg },
  strict,
);
const Input = Type.Object(
  { ...op('input'), job: JobId, ...inputFields, msg },
  { ...strict, ...exactlyOneInput },
);
const Resize = Type.Object({ ...op('resize'), job: JobId, ...sizeFields, msg }, strict);
const Cancel = Type.Object({ ...op('cancel'), job: JobId, reason: reasonField, msg }, strict);
const Ping = Type.Object(op('ping'), strict);

export type ClientMessage =
  | Static<typeof Subscribe>
  | Static<typeof Unsubscribe>
  | Static<typeof Feed>
  | Static<typeof Input>
  | Static<typeof Resize>
  | Static<typeof Cancel>
  | Static<typeof Ping>;
/** What a client may send over `GET /v1/ws`. */
export const ClientMessage = Type.Unsafe<ClientMessage>({
  type: 'object',
  required: ['op'],
  discriminator: { propertyName: 'op' },
  oneOf: [Subscribe, Unsubscribe, Feed, Input, Resize, Cancel, Ping],
});

/** What the server sends over `GET /v1/ws`. A `nack` that no message asked for names the job that is followed no longer, or no job where that is the bell. */
export type ServerMessage =
  | { op: 'event'; event: JobEvent | FeedEvent }
  | { op: 'control'; type: ControlType; job?: string; data: ControlFrame['data'] }
  | { op: 'ack'; msg: string }
  | { op: 'nack'; msg?: string; job?: string; problem: Problem }
  | { op: 'pong' };
