import type { Redis } from 'ioredis';
import type { Job, JobSpec } from '../contract/job.ts';
import type { JobFilter } from '../contract/job-filter.ts';
import { limits } from '../contract/limits.ts';
import { formatCursor } from '../core/cursor.ts';
import { textOfMessage } from '../core/message-text.ts';
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

/** Those that can be large: what a row weighs. */
const largeFields = ['spec', 'result', 'error', 'metadata'] as const;

export interface ListFilter extends JobFilter {
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

  /** Takes expired jobs off the list; looks at the `count` oldest, but for those whose submit may be on the way. */
  async forgetExpired(count: number): Promise<void> {
    const announcedBefore = Date.now() - limits.announcedMs;
    const ids = await this.#redis.zrangebyscore(keys.jobs, '-inf', announcedBefore, 'LIMIT', 0, count);
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.exists(jobKeys(id).state);
    const replies = (await pipeline.exec()) ?? [];
    const gone = ids.filter((_, index) => replies[index]?.[1] === 0);
    if (gone.length > 0) await this.#redis.zrem(keys.jobs, ...gone);
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
    filter: ListFilter,
    { page, limit }: { page: string | undefined; limit: number },
  ): Promise<{ items: Job[]; nextPage: string | null }> {
    const chosen: string[] = [];
    let bytes = 0;
    let place = page === undefined ? null : readPlace(page);
    const upTo = async (nextPage: string | null) => ({ items: await this.#getMany(chosen), nextPage });
    const step = isEmpty(filter) ? Math.min(limit, scanStep) : scanStep;
    for (let seen = 0; seen < scanMax; seen += step) {
      const ids = await this.#idsAfter(place, step);
      const sizes = await this.#matching(ids, filter);
      for (const [id, createdAtMs] of ids) {
        const size = sizes.get(id);
        if (size !== undefined) {
          bytes += size;
          // The row that is too much begins the next page.
          if (bytes > limits.listBytesMax && chosen.length > 0) return upTo(pageAfter(place));
          chosen.push(id);
        }
        place = { createdAtMs, id };
        if (chosen.length === limit) return upTo(pageAfter(place));
      }
      if (ids.length < step) return upTo(null);
    }
    return upTo(pageAfter(place));
  }

  async #getMany(jobs: readonly string[]): Promise<Job[]> {
    const pipeline = this.#redis.pipeline();
    for (const job of jobs) pipeline.hmget(jobKeys(job).state, ...resourceFields, 'ep', 'seq');
    return ((await pipeline.exec()) ?? []).flatMap(([error, values]) => {
      if (error) throw error;
      return readJob(values as (string | null)[]) ?? [];
    });
  }

  /**
   * Which of the jobs fit, by the few fields the filter asks for, with the size of their rows in bytes. Those
   * that have expired leave the list; one that is not there yet, since its submit is on the way, stays.
   */
  async #matching(ids: readonly [string, number][], filter: ListFilter): Promise<Map<string, number>> {
    const fields = ['status', 'type', 'tags', ...(filter.q === undefined ? [] : ['spec'])];
    const pipeline = this.#redis.pipeline();
    for (const [id] of ids) {
      const { state } = jobKeys(id);
      pipeline.hmget(state, ...fields);
      for (const name of largeFields) pipeline.hstrlen(state, name);
    }
    const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
    const matching = new Map<string, number>();
    const gone: string[] = [];
    const announcedBefore = Date.now() - limits.announcedMs;
    for (const [index, [id, createdAtMs]] of ids.entries()) {
      const ofJob = replies.slice(index * repliesOfJob, (index + 1) * repliesOfJob);
      const values = ofJob[0] as (string | null)[];
      const [status, type, tags, spec] = values.map((value) => JSON.parse(value ?? 'null'));
      if (status === null && createdAtMs < announcedBefore) gone.push(id);
      else if (status !== null && matches({ status, type, tags, spec }, filter))
        matching.set(id, sum(ofJob.slice(1)));
    }
    if (gone.length > 0) await this.#redis.zrem(keys.jobs, ...gone);
    return matching;
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
}

/** The fields of the filter, and a size for each large field. */
const repliesOfJob = 1 + largeFields.length;
const scanStep = 100;
const scanMax = 5000;

function readJob(values: (string | null)[]): Job | null {
  const epoch = values[resourceFields.length];
  const seq = values[resourceFields.length + 1];
  if (epoch == null || seq == null) return null;
  const pairs = resourceFields.map((name, index) => [name, JSON.parse(values[index] ?? 'null')] as const);
  const cursor = formatCursor({ epoch: Number(epoch), seq: Number(seq) });
  return { ...Object.fromEntries(pairs), cursor } as Job; // our own scripts wrote every field
}

function sum(sizes: readonly unknown[]): number {
  return sizes.reduce((total: number, size) => total + Number(size), 0);
}

function readPlace(page: string): { createdAtMs: number; id: string } {
  const dash = page.indexOf('-');
  return { createdAtMs: Number(page.slice(0, dash)), id: page.slice(dash + 1) };
}

function pageAfter(place: { createdAtMs: number; id: string } | null): string | null {
  return place === null ? null : `${place.createdAtMs}-${place.id}`;
}

function isEmpty({ status, type, tag, q }: ListFilter): boolean {
  return status === undefined && type === undefined && tag === undefined && q === undefined;
}

function matches(
  job: { status: string; type: string; tags: string[]; spec?: JobSpec },
  { status, type, tag, q }: ListFilter,
): boolean {
  if (status !== undefined && job.status !== status) return false;
  if (type !== undefined && job.type !== type) return false;
  if (tag !== undefined && !job.tags.includes(tag)) return false;
  return q === undefined || (job.spec !== undefined && searchText(job.spec).includes(q.toLowerCase()));
}

function searchText(spec: JobSpec): string {
  const parts =
    spec.type === 'command'
      ? [spec.shell ?? '', ...(spec.argv ?? [])]
      : [spec.model, spec.prompt ?? '', ...(spec.messages ?? []).map(textOfMessage)];
  return parts.join(' ').toLowerCase();
}
