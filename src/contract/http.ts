import { type Static, Type } from 'typebox';
import { EffectiveLimits } from './command-limits.ts';
import { Job, JobId } from './job.ts';
import { jobFilterFields } from './job-filter.ts';
import { limits } from './limits.ts';
import { sandboxLevels, terminalKinds } from './result.ts';
import { Timestamp } from './timestamp.ts';

const strict = { additionalProperties: false } as const;
const waitSeconds = Type.Optional(Type.Integer({ minimum: 0, maximum: limits.waitSecondsMax }));

export const JobParams = Type.Object({ id: JobId }, strict);

/** 1 to 255 printable characters; quotes around it, as in the IETF draft, do not count. */
export const IdempotencyKey = Type.String({ minLength: 1, maxLength: 257, pattern: '^[\\x20-\\x7e]+$' });
export const SubmitHeaders = Type.Object({ 'idempotency-key': Type.Optional(IdempotencyKey) });
export const SubmitQuery = Type.Object({ wait: waitSeconds }, strict);

export const RetryBody = Type.Object(
  {
    spec: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description:
          'What the new job does otherwise: a JSON merge patch (RFC 7396) on the spec and the secrets of the old one. `type` cannot change.',
      }),
    ),
  },
  strict,
);
export type RetryBody = Static<typeof RetryBody>;

export const ListQuery = Type.Object(
  {
    ...jobFilterFields,
    q: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    page: Type.Optional(Type.String({ pattern: '^[0-9]{1,16}-job_[0-9a-hjkmnp-tv-z]{26}$' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.pageItemsMax })),
  },
  strict,
);
export type ListQuery = Static<typeof ListQuery>;

export const JobPage = Type.Object(
  { items: Type.Array(Job), nextPage: Type.Unsafe<string | null>({ type: ['string', 'null'] }) },
  { $id: 'JobPage' },
);
export type JobPage = Static<typeof JobPage>;

export const EventsQuery = Type.Object(
  {
    after: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.pageEventsMax })),
    wait: waitSeconds,
    screen: Type.Optional(
      Type.Boolean({
        description:
          'For a stream of a job with a terminal: begin with a `screen.snapshot`, not with all that was written to it.',
      }),
    ),
  },
  strict,
);
/** How the output of a job is wanted. */
export const OutputQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Enum(['text', 'raw', 'plain'], {
        description:
          '`text`: what is not valid UTF-8 is replaced. `raw`: the exact bytes. `plain`: as lines for people, without colours and what was overwritten.',
      }),
    ),
    stream: Type.Optional(Type.Enum(['stdout', 'stderr', 'tty'])),
    download: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type OutputQuery = Static<typeof OutputQuery>;

export const ResumeHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'The id of the last event had; wins over `after`. Empty is none.' }),
  ),
});
export const FeedQuery = Type.Object({ ...jobFilterFields, after: Type.Optional(Type.String()) }, strict);

export const Accepted = Type.Object({ accepted: Type.Literal(true), msg: Type.Optional(Type.String()) });

export const Worker = Type.Object(
  {
    id: Type.String(),
    pid: Type.Integer(),
    host: Type.String(),
    startedAt: Timestamp,
    seenAt: Timestamp,
    running: Type.Integer({ description: 'Jobs it runs now.' }),
    concurrency: Type.Integer(),
    sandbox: Type.Enum([...sandboxLevels]),
    terminals: Type.Array(Type.Enum([...terminalKinds]), { description: 'Best first.' }),
  },
  { $id: 'Worker' },
);
export type Worker = Static<typeof Worker>;
/** What commands can ask for and get at a worker. */
export const WorkerCapabilities = Type.Object(
  {
    worker: Type.String(),
    sandbox: Type.Enum([...sandboxLevels]),
    sandboxNote: Type.Optional(
      Type.String({
        description: 'Why it is no better; absent where it is the best, or what was asked for.',
      }),
    ),
    terminals: Type.Array(Type.Enum([...terminalKinds]), { description: 'Best first.' }),
    network: Type.Boolean({ description: 'Whether commands that do not say reach the network.' }),
    isolatesNetwork: Type.Boolean({
      description: 'Whether `network: false` can be kept; else it is refused.',
    }),
    limits: EffectiveLimits,
    readOnlyPaths: Type.Array(Type.String(), { description: 'Where the `readOnlyPaths` of a job may lie.' }),
  },
  { $id: 'WorkerCapabilities' },
);
export type WorkerCapabilities = Static<typeof WorkerCapabilities>;
export const Capabilities = Type.Object({ items: Type.Array(WorkerCapabilities) });

export const WorkerList = Type.Object({ items: Type.Array(Worker) });

export const Model = Type.Object(
  {
    id: Type.String({ description: '`provider/model`, or `provider/` where any model name is passed on.' }),
    provider: Type.String(),
    demo: Type.Boolean({ description: 'true for the scripted stand-in that calls no model.' }),
    reachable: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'Whether its provider answered a worker that asked for its models; null: not yet asked.',
    }),
    note: Type.Optional(Type.String({ description: 'Why it is not reachable.' })),
    contextWindow: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'Tokens that fit into one call; null where unknown.',
    }),
    price: Type.Unsafe<{ inputUsdPerMillion: number; outputUsdPerMillion: number } | null>({
      description: 'Dollars a million tokens, of a short prompt; null where unknown.',
      anyOf: [
        Type.Object({ inputUsdPerMillion: Type.Number(), outputUsdPerMillion: Type.Number() }),
        { type: 'null' },
      ],
    }),
  },
  { $id: 'Model' },
);
export type Model = Static<typeof Model>;
export const ModelList = Type.Object({ items: Type.Array(Model) });

export const QueueState = Type.Object({
  queued: Type.Integer(),
  delayed: Type.Integer(),
  running: Type.Integer(),
  open: Type.Integer({ description: 'Jobs that have not ended.' }),
});

export const Health = Type.Object({ status: Type.Literal('ok') });
export const Readiness = Type.Object({
  status: Type.Enum(['ready', 'unready']),
  reasons: Type.Array(Type.String()),
  warnings: Type.Array(Type.String()),
});
export type Readiness = Static<typeof Readiness>;

/** Who asks, as shown in events. */
export const SessionInfo = Type.Object(
  { actor: Type.String({ description: '`browser`, or `key:<id>`.' }) },
  { $id: 'SessionInfo' },
);
export type SessionInfo = Static<typeof SessionInfo>;

/** What a browser session can be made from. */
export type Login = { token: string } | { key: string };
export const Login = Type.Unsafe<Login>(
  Type.Object(
    {
      token: Type.Optional(
        Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: 'Of the one-time link.' }),
      ),
      key: Type.Optional(
        Type.String({ minLength: 1, maxLength: limits.apiKeyCharactersMax, description: 'The key itself.' }),
      ),
    },
    { ...strict, oneOf: [{ required: ['token'] }, { required: ['key'] }] },
  ),
);
