import type { Redis } from 'ioredis';
import type { Job, JobSpec } from '../contract/job.ts';
import { formatCursor } from '../core/cursor.ts';
import { jobKeys, keys } from './keys.ts';

const resourceFields = [
  'id',
  'type',
  'status',
  'spec',
  'attempt',
  'createdAt',
  'startedAt',
  'finishedAt',
  'waitingFor',
  'result',
  'error',
  'usage',
  'tags',
  'metadata',
  'retryOf',
  'links',
] as const;

export interface JobFilter {
  status?: string;
  type?: string;
  tag?: string;
  /** Text to find in the command or prompt, case ignored. */
  q?: string;
}

/** Reads job resources, alone and in lists. They are fields of the job's hash; no log is read for them. */
export class JobRecords {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async get(job: string): Promise<Job | null> {
    return readJob(await this.#redis.hmget(jobKeys(job).state, ...resourceFields, 'ep', 'seq'));
  }

  /** Field `name` beside the resource, such as the sealed secrets. */
  async extra(job: string, name: string): Promise<string | null> {
    return this.#redis.hget(jobKeys(job).state, name);
  }

  /** Makes the job findable. Repeating it changes nothing. */
  async announceOpen(job: string, createdAtMs: number): Promise<void> {
    await this.#redis
      .multi()
      .zadd(keys.open, createdAtMs, job)
      .zadd(keys.jobs, 'NX', createdAtMs, job)
      .exec();
  }

  async closeOpen(job: string): Promise<void> {
    await this.#redis.zrem(keys.open, job);
  }

  /** Takes expired jobs off the list; looks at the `count` oldest. Answers how many were gone. */
  async forgetExpired(count: number): Promise<number> {
    const ids = await this.#redis.zrange(keys.jobs, '0', String(count - 1));
    const jobs = await this.#readMany(ids);
    return jobs.filter((job) => job === null).length;
  }

  /** Jobs that have not ended, oldest first, after the first `skip`. */
  async openJobs(skip: number, count: number): Promise<string[]> {
    return this.#redis.zrange(keys.open, String(skip), String(skip + count - 1));
  }

  async openCount(): Promise<number> {
    return this.#redis.zcard(keys.open);
  }

  /**
   * One page of matching jobs, newest first. A page may be short of `limit` while `nextPage` is set:
   * a rare filter is searched in bounded steps, not in one endless request.
   */
  async list(
    filter: JobFilter,
    { page, limit }: { page: string | undefined; limit: number },
  ): Promise<{ items: Job[]; nextPage: string | null }> {
    const items: Job[] = [];
    let place = page === undefined ? null : readPlace(page);
    for (let step = 0; step < scanSteps; step += 1) {
      const ids = await this.#idsAfter(place, scanStep);
      const jobs = await this.#readMany(ids.map(([id]) => id));
      for (const [index, [id, createdAtMs]] of ids.entries()) {
        const job = jobs[index];
        place = { createdAtMs, id };
        if (job && matches(job, filter)) items.push(job);
        if (items.length === limit) return { items, nextPage: `${createdAtMs}-${id}` };
      }
      if (ids.length < scanStep) return { items, nextPage: null };
    }
    return { items, nextPage: place === null ? null : `${place.createdAtMs}-${place.id}` };
  }

  async #idsAfter(
    place: { createdAtMs: number; id: string } | null,
    count: number,
  ): Promise<[string, number][]> {
    const from = place === null ? '+inf' : place.createdAtMs;
    const found: [string, number][] = [];
    for (let offset = 0; found.length < count; offset += count) {
      const reply = await this.#redis.zrevrangebyscore(
        keys.jobs,
        from,
        '-inf',
        'WITHSCORES',
        'LIMIT',
        offset,
        count,
      );
      for (let index = 0; index < reply.length; index += 2) {
        const entry: [string, number] = [String(reply[index]), Number(reply[index + 1])];
        // Within one millisecond the order is by id, backwards.
        if (place === null || entry[1] < place.createdAtMs || entry[0] < place.id) found.push(entry);
      }
      if (reply.length < count * 2) break;
    }
    return found.slice(0, count);
  }

  async #readMany(ids: string[]): Promise<(Job | null)[]> {
    if (ids.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hmget(jobKeys(id).state, ...resourceFields, 'ep', 'seq');
    const replies = (await pipeline.exec()) ?? [];
    const jobs = replies.map(([error, values]) => {
      if (error) throw error;
      return readJob(values as (string | null)[]);
    });
    const gone = ids.filter((_, index) => jobs[index] === null);
    if (gone.length > 0) await this.#redis.zrem(keys.jobs, ...gone);
    return jobs;
  }
}

const scanStep = 100;
const scanSteps = 50;

function readJob(values: (string | null)[]): Job | null {
  const epoch = values[resourceFields.length];
  const seq = values[resourceFields.length + 1];
  if (epoch == null || seq == null) return null;
  const pairs = resourceFields.map((name, index) => [name, JSON.parse(values[index] ?? 'null')] as const);
  const cursor = formatCursor({ epoch: Number(epoch), seq: Number(seq) });
  return { ...Object.fromEntries(pairs), cursor } as Job; // our own scripts wrote every field
}

function readPlace(page: string): { createdAtMs: number; id: string } {
  const dash = page.indexOf('-');
  return { createdAtMs: Number(page.slice(0, dash)), id: page.slice(dash + 1) };
}

function matches(job: Job, { status, type, tag, q }: JobFilter): boolean {
  if (status !== undefined && job.status !== status) return false;
  if (type !== undefined && job.type !== type) return false;
  if (tag !== undefined && !job.tags.includes(tag)) return false;
  return q === undefined || searchText(job.spec).includes(q.toLowerCase());
}

function searchText(spec: JobSpec): string {
  const parts =
    spec.type === 'command'
      ? [spec.shell ?? '', ...(spec.argv ?? [])]
      : [spec.model, spec.prompt ?? '', ...(spec.messages ?? []).map(({ content }) => content)];
  return parts.join(' ').toLowerCase();
}
