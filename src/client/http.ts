import type { Static } from 'typebox';
import type { CancelBody, InputBody, ResizeBody, SignalBody } from '../contract/control.ts';
import type { FileList, FilesQuery, StoredFile } from '../contract/files.ts';
import type {
  Accepted,
  Capabilities,
  JobPage,
  ListQuery,
  Login,
  ModelList,
  OutputQuery,
  QueueState,
  RetryBody,
  SessionInfo,
  WorkerList,
} from '../contract/http.ts';
import type { Job, JobSubmission } from '../contract/job.ts';
import type { JobFilter } from '../contract/job-filter.ts';
import type { Screen } from '../contract/screen.ts';
import type { EventPage } from '../contract/stream.ts';
import type { UsageQuery, UsageReport } from '../contract/usage.ts';
import { notTheService, readProblem } from './problem.ts';

export interface ClientOptions {
  /** Such as `http://127.0.0.1:4400`; a path in it is kept. */
  baseUrl: string;
  /** Left out where a browser session stands for it. */
  key?: string;
  fetch?: typeof globalThis.fetch;
}

/** What every call takes. Without a signal a call waits as long as the connection lives. */
export interface CallOptions {
  signal?: AbortSignal;
}

export interface RetryOptions extends CallOptions {
  /** 1 to 255 printable characters. Makes the call safe to repeat for 24 h. */
  idempotencyKey?: string;
}

export interface SubmitOptions extends RetryOptions {
  /** 0 to 60: answer with the finished job when it ends in this time. */
  waitSeconds?: number;
}

export interface EventPageOptions extends CallOptions {
  /** A cursor; from the start without it. */
  after?: string;
  limit?: number;
  /** 0 to 60: wait this long for the first event. */
  waitSeconds?: number;
}

/** `after` is where the stream begins. */
export interface OpenOptions {
  after: string | undefined;
  signal: AbortSignal;
}

/**
 * The calls of CONTRACT.md, typed.
 * @throws {ClientProblem} from every call whose answer is not a success; what `fetch` throws when
 * there is no answer (network, abort).
 */
export interface Client {
  submit(submission: JobSubmission, options?: SubmitOptions): Promise<Job>;
  job(id: string, options?: CallOptions): Promise<Job>;
  jobs(query?: ListQuery, options?: CallOptions): Promise<JobPage>;
  events(id: string, options?: EventPageOptions): Promise<EventPage>;
  input(id: string, body: InputBody, options?: CallOptions): Promise<Static<typeof Accepted>>;
  resize(id: string, body: ResizeBody, options?: CallOptions): Promise<Static<typeof Accepted>>;
  signal(id: string, body: SignalBody, options?: CallOptions): Promise<Static<typeof Accepted>>;
  /** Answers the job as it is: ended, or still being stopped. */
  cancel(id: string, body?: CancelBody, options?: CallOptions): Promise<Job>;
  /** Answers a new job. `spec` is a JSON merge patch on that of the old one, in which null removes a field. */
  retry(id: string, body?: RetryBody, options?: RetryOptions): Promise<Job>;
  /** What the terminal of a command shows, or showed at its end. */
  screen(id: string, options?: CallOptions): Promise<Screen>;
  /** The kept output of the newest attempt up to now, as the body of the answer. */
  output(id: string, options?: OutputQuery & CallOptions): Promise<Response>;
  /** What is in the workspace of a command. */
  files(id: string, options?: FilesQuery & CallOptions): Promise<FileList>;
  /** A file of the workspace, as the body of the answer. `path` is relative to it. */
  file(id: string, path: string, options?: CallOptions): Promise<Response>;
  /** Puts a file into the workspace of a running command, in place of one that is there. */
  putFile(id: string, path: string, content: BodyInit, options?: CallOptions): Promise<StoredFile>;
  workers(options?: CallOptions): Promise<Static<typeof WorkerList>>;
  /** What commands can ask for, by worker. */
  capabilities(options?: CallOptions): Promise<Static<typeof Capabilities>>;
  queue(options?: CallOptions): Promise<Static<typeof QueueState>>;
  models(options?: CallOptions): Promise<Static<typeof ModelList>>;
  usage(options?: UsageQuery & CallOptions): Promise<UsageReport>;
  /** Who asks; a problem `unauthenticated` where neither a session nor a key is shown. */
  session(options?: CallOptions): Promise<SessionInfo>;
  /** Begins a browser session, which the browser keeps as a cookie. A token is used up by it. */
  login(by: Login, options?: CallOptions): Promise<void>;
  /** Ends the browser session and every stream that rests on it. */
  logout(options?: CallOptions): Promise<void>;
  /** The event stream of a job (or 204, when `after` is its end), for `followJob`. `after` is a cursor. */
  openEvents(id: string, options: OpenOptions): Promise<Response>;
  /** The bell for lists with this filter, for `followBell`. `after` is the id of a ring. */
  openBell(filter: JobFilter, options: OpenOptions): Promise<Response>;
}

/** A client of one service. It holds no connection and needs no closing. */
export function createClient({ baseUrl, key, fetch }: ClientOptions): Client {
  const root = baseUrl.replace(/\/+$/, '');
  // Called as a plain function: browsers refuse a fetch that is the method of another object.
  const send = fetch ?? ((address: string, init: RequestInit) => globalThis.fetch(address, init));

  async function open(path: string, { query = {}, headers, ...init }: CallInit): Promise<Response> {
    const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const response = await send(`${root}${path}${queryText(query)}`, {
      ...init,
      headers: { accept: 'application/json', ...authorization, ...headers },
    });
    if (!response.ok) throw await readProblem(response);
    return response;
  }
  async function get<T>(path: string, options: CallOptions, query: Query = {}): Promise<T> {
    return readJson<T>(await open(path, { ...options, query }));
  }
  function openPost(path: string, body: unknown, init: CallInit): Promise<Response> {
    const headers = { 'content-type': 'application/json', ...init.headers };
    return open(path, { ...init, method: 'POST', headers, body: JSON.stringify(body) });
  }
  async function post<T>(path: string, body: unknown, init: CallInit): Promise<T> {
    return readJson<T>(await openPost(path, body, init));
  }
  async function openStream(
    path: string,
    { after, signal }: OpenOptions,
    query: Query = {},
  ): Promise<Response> {
    const resume: Record<string, string> = after === undefined ? {} : { 'last-event-id': after };
    const headers = { accept: 'text/event-stream', ...resume };
    return requireStream(await open(path, { signal, headers, query }));
  }

  return {
    submit: (submission, { idempotencyKey, waitSeconds, ...options } = {}) =>
      post('/v1/jobs', submission, {
        ...options,
        query: { wait: waitSeconds },
        headers: idempotencyHeader(idempotencyKey),
      }),
    job: (id, options = {}) => get(jobPath(id), options),
    jobs: (query = {}, options = {}) => get('/v1/jobs', options, query),
    events: (id, { after, limit, waitSeconds, ...options } = {}) =>
      get(`${jobPath(id)}/events`, options, { after, limit, wait: waitSeconds }),
    input: (id, body, options = {}) => post(`${jobPath(id)}/input`, body, options),
    resize: (id, body, options = {}) => post(`${jobPath(id)}/resize`, body, options),
    signal: (id, body, options = {}) => post(`${jobPath(id)}/signal`, body, options),
    cancel: (id, body = {}, options = {}) => post(`${jobPath(id)}/cancel`, body, options),
    retry: (id, body = {}, { idempotencyKey, ...options } = {}) =>
      post(`${jobPath(id)}/retry`, body, { ...options, headers: idempotencyHeader(idempotencyKey) }),
    screen: (id, options = {}) => get(`${jobPath(id)}/screen`, options),
    output: (id, { signal, ...query } = {}) =>
      open(`${jobPath(id)}/output`, { ...(signal && { signal }), query }),
    files: (id, { signal, ...query } = {}) =>
      get(`${jobPath(id)}/files`, { ...(signal && { signal }) }, query),
    file: (id, path, options = {}) => open(filePath(id, path), options),
    putFile: async (id, path, content, options = {}) => {
      const headers = { 'content-type': 'application/octet-stream' };
      return readJson(await open(filePath(id, path), { ...options, method: 'PUT', headers, body: content }));
    },
    workers: (options = {}) => get('/v1/workers', options),
    capabilities: (options = {}) => get('/v1/capabilities', options),
    queue: (options = {}) => get('/v1/queue', options),
    models: (options = {}) => get('/v1/models', options),
    usage: ({ signal, ...query } = {}) => get('/v1/usage', { ...(signal && { signal }) }, query),
    session: (options = {}) => get('/v1/session', options),
    login: async (by, options = {}) => requireEmpty(await openPost('/v1/session', by, options)),
    logout: async (options = {}) => requireEmpty(await open('/v1/session', { ...options, method: 'DELETE' })),
    openEvents: (id, options) => openStream(`${jobPath(id)}/events`, options),
    openBell: (filter, options) => openStream('/v1/events', options, filter),
  };
}

type Query = Record<string, string | number | boolean | undefined>;
type CallInit = Omit<RequestInit, 'headers'> & { query?: Query; headers?: Record<string, string> };

function jobPath(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

function filePath(id: string, path: string): string {
  return `${jobPath(id)}/files/${path.split('/').map(encodeURIComponent).join('/')}`;
}

function idempotencyHeader(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { 'idempotency-key': key };
}

function queryText(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** The one place where the answer of our own service is taken at its word, once it is an object. */
async function readJson<T>(response: Response): Promise<T> {
  const value: unknown = await response.json().catch(() => undefined);
  if (typeof value === 'object' && value !== null) return value as T;
  throw notTheService(response);
}

function requireEmpty(response: Response): void {
  if (response.status !== 204) throw notTheService(response);
}

function requireStream(response: Response): Response {
  const type = response.headers.get('content-type') ?? '';
  if (response.status === 204 || type.startsWith('text/event-stream')) return response;
  throw notTheService(response);
}
