import { type Static, Type } from 'typebox';

/**
 * The one table of everything that can go wrong: HTTP answers (RFC 9457) and failures of jobs.
 * `status` is the HTTP status of the problem object; for the failure of a job it says which kind
 * of fault it was, although the request that reads it answers 200. `retryable` says whether the
 * very same request, or the same job, may succeed later.
 */
export const problems = {
  malformed_request: { status: 400, title: 'The request is malformed', retryable: false },
  invalid_cursor: { status: 400, title: 'The cursor is malformed', retryable: false },
  unauthenticated: { status: 401, title: 'A key is needed', retryable: false },
  host_not_allowed: { status: 403, title: 'This host name is not allowed', retryable: false },
  origin_not_allowed: { status: 403, title: 'This origin is not allowed', retryable: false },
  login_link_used: { status: 403, title: 'This link was used or is too old', retryable: false },
  route_not_found: { status: 404, title: 'No such address', retryable: false },
  file_not_found: { status: 404, title: 'No such file', retryable: false },
  job_not_found: { status: 404, title: 'No such job', retryable: false },
  request_timeout: { status: 408, title: 'The request took too long to arrive', retryable: true },
  job_not_running: { status: 409, title: 'The job is not running', retryable: false },
  input_not_accepted: { status: 409, title: 'The job takes no input', retryable: false },
  no_workspace: { status: 409, title: 'The job has no files now', retryable: false },
  no_screen: { status: 409, title: 'The job has no screen', retryable: false },
  workspace_gone: { status: 410, title: 'The workspace is no longer kept', retryable: false },
  payload_too_large: { status: 413, title: 'The body is too large', retryable: false },
  unsupported_media_type: { status: 415, title: 'The body must be JSON', retryable: false },
  validation_failed: { status: 422, title: 'The request is not valid', retryable: false },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key was used for another body',
    retryable: false,
  },
  upgrade_required: { status: 426, title: 'This address speaks WebSocket', retryable: false },
  input_overflow: { status: 429, title: 'Too much input waits for the program', retryable: true },
  queue_full: { status: 429, title: 'Too many jobs wait', retryable: true },
  too_many_subscriptions: { status: 429, title: 'The WebSocket follows too many jobs', retryable: true },
  too_many_transfers: { status: 429, title: 'Too many files are being sent', retryable: true },
  headers_too_large: { status: 431, title: 'The headers are too large', retryable: false },
  internal: { status: 500, title: 'An unexpected fault', retryable: true },
  redis_unavailable: { status: 503, title: 'Redis does not answer', retryable: true },
  storage_full: { status: 503, title: 'Redis cannot write', retryable: true },
  draining: { status: 503, title: 'The service is stopping', retryable: true },
  transfer_broken: { status: 503, title: 'A transfer broke off', retryable: true },
  outcome_unknown: { status: 503, title: 'The outcome is unknown', retryable: true },

  exit_nonzero: { status: 422, title: 'The command failed', retryable: true },
  spawn_failed: { status: 422, title: 'The command could not be started', retryable: false },
  limit_exceeded: { status: 422, title: 'The command used more than it may', retryable: false },
  timeout: { status: 504, title: 'The run took too long', retryable: true },
  idle_timeout: { status: 504, title: 'Nothing happened for too long', retryable: true },
  ttl_expired: { status: 504, title: 'The job waited too long', retryable: false },
  worker_lost: { status: 500, title: 'The worker was lost', retryable: true },
  worker_draining: { status: 503, title: 'The worker was stopped', retryable: true },
  cancelled: { status: 499, title: 'The job was cancelled', retryable: false },
  provider_auth: { status: 401, title: 'The provider refused the key', retryable: false },
  provider_rate_limited: { status: 429, title: 'The provider limits the rate', retryable: true },
  provider_overloaded: { status: 529, title: 'The provider is overloaded', retryable: true },
  provider_invalid_request: { status: 400, title: 'The provider refused the request', retryable: false },
  provider_content_filter: { status: 422, title: 'The provider filtered the content', retryable: false },
  provider_unavailable: { status: 503, title: 'The provider cannot be reached', retryable: true },
  budget_exceeded: { status: 402, title: 'The budget does not allow the call', retryable: false },
  output_invalid: { status: 422, title: 'The answer does not hold to its schema', retryable: true },
  context_too_long: { status: 413, title: 'The prompt is longer than the model takes', retryable: false },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ProblemCode = keyof typeof problems;
export const problemCodes = Object.keys(problems) as ProblemCode[];

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A stable URI reference that names the kind of problem.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened, to what, and what to do.' }),
    code: Type.Enum(problemCodes),
    instance: Type.Optional(Type.String()),
    errors: Type.Array(
      Type.Object({
        pointer: Type.String({ description: 'JSON Pointer (RFC 6901) to the wrong field.' }),
        detail: Type.String(),
      }),
    ),
    requestId: Type.Optional(Type.String()),
    retryable: Type.Boolean(),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details.' },
);
export type Problem = Static<typeof Problem>;

export type ProblemExtras = Partial<Pick<Problem, 'instance' | 'errors' | 'requestId' | 'retryable'>>;

/** Builds the problem object of `code`; `detail` says what happened, to what, and what to do. */
export function problem(code: ProblemCode, detail: string, extras: ProblemExtras = {}): Problem {
  const { status, title, retryable } = problems[code];
  return { type: `/problems/${code}`, title, status, detail, code, errors: [], retryable, ...extras };
}

/** The only error our own code throws on purpose: it carries its problem object to whoever answers. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;
  /** Seconds for a `Retry-After` header, where the fault passes by itself. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ProblemCode,
    detail: string,
    extras: ProblemExtras & { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    const { cause, retryAfterSeconds, ...rest } = extras;
    super(detail, { cause });
    this.problem = problem(code, detail, rest);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
