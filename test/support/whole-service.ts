import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Job, JobSubmission } from '../../src/contract/job.ts';
import { freePort } from './free-port.ts';
import { startLlmmixer } from './llmmixer-process.ts';

/** `llmmixer up` in processes of its own with a private Redis, for tests that kill parts of it. */
export interface WholeService {
  baseUrl: string;
  headers: Record<string, string>;
  dataDir: string;
  /** The process that does this part now; null while there is none. */
  pidOf(part: 'api' | 'worker' | 'redis'): Promise<number | null>;
  submit(body: JobSubmission): Promise<Job>;
  get(id: string): Promise<Job>;
  events(id: string): Promise<JobEvent[]>;
  /** Waits for the end of the job, across restarts of anything. */
  finished(id: string): Promise<Job>;
  stop(): Promise<void>;
}

export async function startWholeService(environment: Record<string, string> = {}): Promise<WholeService> {
  const dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-whole-'));
  const PORT = String(await freePort()); // one that stays when the API is started again
  // Commands of these tests tell their pids, and leave files outside of their workspace.
  const free = { LLMMIXER_SANDBOX: 'none', LLMMIXER_DRAIN_MS: '0' };
  const up = startLlmmixer({ dataDir, environment: { PORT, ...free, ...environment } });
  const { address: baseUrl, key } = await up.ready();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  /** Asks until there is someone to answer. */
  const ask = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    for (;;) {
      const response = await fetch(baseUrl + path, { ...init, headers }).catch(() => null);
      if (response !== null && response.status < 500) return (await response.json()) as T;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const get = (id: string) => ask<Job>(`/v1/jobs/${id}`);
  return {
    baseUrl,
    headers,
    dataDir,
    get,
    pidOf: async (part) => (await up.children()).find(({ command }) => isPart(command, part))?.pid ?? null,
    submit: (body) => ask<Job>('/v1/jobs', { method: 'POST', body: JSON.stringify(body) }),
    events: async (id) => {
      const events: JobEvent[] = [];
      for (let after = ''; ; ) {
        const page = await ask<{ events: JobEvent[]; next: string }>(
          `/v1/jobs/${id}/events?limit=1000${after}`,
        );
        events.push(...page.events);
        if (page.events.length === 0) return events;
        after = `&after=${page.next}`;
      }
    },
    finished: async (id) => {
      for (;;) {
        const job = await get(id);
        if (job.finishedAt) return job;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    stop: async () => {
      await up.end('SIGTERM');
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function isPart(command: string, part: 'api' | 'worker' | 'redis'): boolean {
  return part === 'redis' ? /redis-server|valkey-server/.test(command) : command.includes(`main.ts ${part}`);
}
