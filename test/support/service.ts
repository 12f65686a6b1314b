import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { type ApiReady, serveApi } from '../../src/api/serve.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Job, JobSubmission } from '../../src/contract/job.ts';
import type { Config } from '../../src/platform/config.ts';
import { KnownSecrets } from '../../src/platform/known-secrets.ts';
import { bytesOf } from '../../src/platform/text-or-base64.ts';
import { serveWorker } from '../../workers/serve.ts';
import { workspacesFolderForOthers } from '../../workers/terminal/workspaces-folder.ts';
import { plainConfig } from './config.ts';
import { emptyDatabase } from './redis.ts';

export const apiKey = `llmx_test_${'k'.repeat(40)}`;

export interface TestService {
  baseUrl: string;
  redisUrl: string;
  ready: ApiReady;
  config: Config;
  /** Starts another API process (in this one) on the same Redis. */
  addApi(): Promise<{ baseUrl: string; ready: ApiReady; close(): Promise<void> }>;
  /** Starts a worker; `own` is what it has for itself. */
  addWorker(own?: {
    redisUrl?: string;
    drainMs?: number;
    dataDir?: string;
  }): Promise<{ close(): Promise<void> }>;
  request(
    path: string,
    options?: { body?: unknown; method?: string; headers?: Record<string, string> },
  ): Promise<Response>;
  submit(body: JobSubmission, headers?: Record<string, string>): Promise<Job>;
  /** Waits for the end of a job and answers it. */
  finished(id: string): Promise<Job>;
  /** Submits, waits for the end, and answers the job with all its events. */
  run(body: JobSubmission): Promise<{ job: Job; events: JobEvent[] }>;
  events(id: string): Promise<JobEvent[]>;
  close(): Promise<void>;
}

/** The whole service on a real Redis: one API and `workers` workers, in this process, on a free port. */
export async function startService(
  options: {
    workers?: number;
    config?: Partial<Config>;
    redisUrl?: string;
    pageFolder?: string;
    log?: Logger;
    /** Of the service; `apiKey` when absent, which `request` and `submit` send. */
    key?: string;
  } = {},
): Promise<TestService> {
  const dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-test-'));
  const redisUrl = options.redisUrl ?? (await emptyDatabase());
  const config: Config = {
    ...plainConfig,
    redisUrl,
    logLevel: 'silent',
    dataDir,
    apiKey: options.key ?? apiKey,
    workers: 1,
    concurrency: 16,
    retentionDays: 7,
    ...options.config,
  };
  const log = options.log ?? pino({ level: process.env.TEST_LOG ?? 'silent' });
  const secrets = new KnownSecrets();
  secrets.add(options.key ?? apiKey, ...config.providers.map(({ key }) => key ?? ''));
  const shared = { config, redisUrl, apiKey: options.key ?? apiKey, log, secrets };
  const pageFolder = options.pageFolder ?? join(dataDir, 'no-page');
  const closers: (() => Promise<void>)[] = [];

  const start = async <Ready>(
    serve: (stop: AbortSignal) => Promise<{ ready: Ready; closed: Promise<void> }>,
  ) => {
    const stop = new AbortController();
    const { ready, closed } = await serve(stop.signal);
    const close = async () => {
      stop.abort();
      await closed;
    };
    closers.push(close);
    return { ready, close };
  };
  const addApi = async () => {
    const api = await start((stop) => serveApi({ ...shared, version: '0.0.0', pageFolder, stop }));
    return { ...api, baseUrl: api.ready.address };
  };
  const addWorker: TestService['addWorker'] = (own = {}) => {
    const { drainMs, dataDir: folder } = { ...config, ...own };
    const worker = { ...shared, config: { ...config, drainMs, dataDir: folder }, ...own };
    return start((stop) => serveWorker({ ...worker, environment: process.env, stop }));
  };

  const { ready, baseUrl } = await addApi();
  for (let count = 0; count < (options.workers ?? 1); count += 1) await addWorker();

  const request: TestService['request'] = (path, { body, method, headers } = {}) =>
    fetch(baseUrl + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const submit: TestService['submit'] = async (body, headers = {}) => {
    const response = await request('/v1/jobs', { body, headers });
    if (response.status !== 202) throw new TypeError(`submit: ${response.status} ${await response.text()}`);
    return (await response.json()) as Job;
  };
  const events: TestService['events'] = async (id) => {
    const all: JobEvent[] = [];
    for (let after = ''; ; ) {
      const response = await request(`/v1/jobs/${id}/events?limit=1000${after && `&after=${after}`}`);
      const page = (await response.json()) as { events: JobEvent[]; next: string };
      all.push(...page.events);
      if (page.events.length === 0) return all;
      after = page.next;
    }
  };
  const finished: TestService['finished'] = async (id) => {
    for (;;) {
      const page = await (
        await request(`/v1/jobs/${id}/events?wait=30&limit=1000&after=${(await get(id)).cursor}`)
      ).json();
      if (page.ended) return get(id);
    }
  };
  const get = async (id: string) => (await (await request(`/v1/jobs/${id}`)).json()) as Job;
  const run: TestService['run'] = async (body) => {
    const { id } = await submit(body);
    const job = await finished(id);
    return { job, events: await events(id) };
  };
  const close = async () => {
    for (const closer of closers.reverse()) await closer();
    for (const folder of [dataDir, workspacesFolderForOthers(dataDir)])
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  };
  return {
    baseUrl,
    redisUrl,
    ready,
    config,
    addApi,
    addWorker,
    request,
    submit,
    finished,
    run,
    events,
    close,
  };
}

/** The text of a job's output, from its events. */
export function outputOf(events: readonly JobEvent[], stream?: 'stdout' | 'stderr' | 'tty'): string {
  const parts = events.map((event) => {
    if (event.type !== 'output.delta' || (stream && event.data.stream !== stream)) return Buffer.alloc(0);
    return bytesOf(event.data);
  });
  return Buffer.concat(parts).toString('utf8');
}
