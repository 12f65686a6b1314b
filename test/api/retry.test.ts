import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/http.ts';
import type { Job } from '../../src/contract/job.ts';
import { createSeal } from '../../src/platform/seal.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const retry = (id: string, body?: unknown, headers: Record<string, string> = {}) =>
  service.request(`/v1/jobs/${id}/retry`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body }),
  });
const retried = async (id: string, body?: unknown) => (await (await retry(id, body)).json()) as Job;
const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
const jobOf = async (id: string) => (await (await service.request(`/v1/jobs/${id}`)).json()) as Job;
const outputOfEnded = async (id: string) => {
  await service.finished(id);
  return outputOf(await service.events(id));
};

describe('a retry', () => {
  it('makes a new job of the same spec that names the old one, which stays as it is', async () => {
    const { job: old } = await service.run({
      type: 'command',
      shell: 'echo "$A"',
      env: { A: 'b' },
      tags: ['t'],
    });
    const response = await retry(old.id);
    expect(response.status).toBe(202);
    const job = (await response.json()) as Job;
    expect(job.id).not.toBe(old.id);
    expect(job).toMatchObject({ retryOf: old.id, spec: old.spec, tags: ['t'], attempt: 0, result: null });
    expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
    expect(job.links.self).toBe(`/v1/jobs/${job.id}`);
    expect(await outputOfEnded(job.id)).toBe('b\n');
    expect((await jobOf(job.id)).retryOf).toBe(old.id);
    expect(await jobOf(old.id)).toEqual(old);
    expect((await retried(job.id)).retryOf).toBe(job.id);
  });

  it('takes a job that has not ended, and one that failed', async () => {
    const running = await service.submit({ type: 'command', shell: 'sleep 30' });
    const again = await retried(running.id, { spec: { shell: 'exit 3' } });
    expect(await service.finished(again.id)).toMatchObject({ status: 'failed', retryOf: running.id });
    expect((await retried(again.id)).retryOf).toBe(again.id);
    expect((await jobOf(running.id)).finishedAt).toBeNull();
    await service.request(`/v1/jobs/${running.id}/cancel`, { method: 'POST' });
  });

  it('changes what its patch names: sets, removes by null, merges within', async () => {
    const old = await service.submit({
      type: 'command',
      shell: 'true',
      env: { A: '1', B: '2' },
      tags: ['x', 'y'],
      timeoutMs: 5000,
      metadata: { kept: { deep: 1 }, gone: true },
    });
    const { spec, tags, metadata } = await retried(old.id, {
      spec: {
        shell: null,
        argv: ['true'],
        env: { A: null, C: '3' },
        tags: ['z'],
        timeoutMs: null,
        metadata: { kept: { more: [null] }, gone: null },
      },
    });
    expect(spec).toEqual({
      type: 'command',
      argv: ['true'],
      env: { B: '2', C: '3' },
      tags: ['z'],
      metadata: { kept: { deep: 1, more: [null] } },
    });
    expect([tags, metadata]).toEqual([['z'], { kept: { deep: 1, more: [null] } }]);
  });

  it.each([
    ['another type', { type: 'prompt' }, '/spec/type'],
    [
      'a whole job of another type',
      { type: 'prompt', model: 'demo/echo', prompt: 'x', shell: null },
      '/spec/type',
    ],
    ['no type', { type: null }, '/spec/type'],
    ['neither argv nor shell', { shell: null }, '/spec/argv'],
    ['both', { argv: ['x'] }, '/spec/argv'],
    ['an unknown field', { colour: 1 }, '/spec/colour'],
    ['a number as text', { priority: '5' }, '/spec/priority'],
    ['a bad variable', { env: { 'A-B': 'x' } }, '/spec/env/A-B'],
    ['a secret that is no text', { secrets: { A: 1 } }, '/spec/secrets/A'],
    ['columns without a terminal', { cols: 80 }, '/spec/cols'],
    ['too much input', { stdin: '€'.repeat(200_000) }, '/spec/stdin'],
    ['metadata without a bottom', { metadata: nested(70) }, '/spec/metadata'],
    ['a patch that is no object', [1], '/spec'],
  ])('refuses %s and names the field', async (_, spec, pointer) => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const response = await retry(id, { spec });
    const problem = await response.json();
    expect([response.status, problem.code, problem.errors?.[0].pointer]).toEqual([
      422,
      'validation_failed',
      pointer,
    ]);
    expect(problem.detail).toContain(pointer);
    expect(problem.detail).not.toContain('undefined');
  });

  it('refuses a patch without a bottom, wherever it is', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    for (const field of ['shell', 'metadata', 'a/b']) {
      const response = await fetch(`${service.baseUrl}/v1/jobs/${id}/retry`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: `{"spec":{"${field}":${deep}}}`,
      });
      expect([response.status, (await response.json()).errors[0].pointer]).toEqual([
        422,
        `/spec/${field.replace('/', '~1')}`,
      ]);
    }
  });

  it('of a prompt stays a prompt', async () => {
    const old = await service.submit({ type: 'prompt', model: 'demo/echo', prompt: 'one' });
    const job = await retried(old.id, { spec: { prompt: 'two', system: 'be brief' } });
    expect((await service.finished(job.id)).result).toMatchObject({ text: expect.stringContaining('two') });
    const refusals = [{ shell: 'x' }, { secrets: { A: 'b' } }, { type: 'command', shell: 'x' }];
    const pointers = refusals.map(
      async (spec) => (await (await retry(old.id, { spec })).json()).errors[0].pointer,
    );
    expect(await Promise.all(pointers)).toEqual(['/spec/shell', '/spec/secrets', '/spec/type']);
  });

  it('refuses other fields than its own, and a job that does not exist', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const other = await retry(id, { colour: 1 });
    expect([other.status, (await other.json()).errors[0].pointer]).toEqual([422, '/colour']);
    for (const unknown of ['job_01jc0000000000000000000000', 'x']) {
      const response = await retry(unknown, {});
      expect([response.status, (await response.json()).code]).toEqual([404, 'job_not_found']);
    }
  });

  it('cannot make a job larger than a submit could', async () => {
    const half = 'x'.repeat(600_000);
    const { id } = await service.submit({ type: 'command', shell: 'true', metadata: { half } });
    expect((await retry(id)).status).toBe(202);
    const response = await retry(id, { spec: { metadata: { other: half } } });
    expect([response.status, (await response.json()).code]).toEqual([413, 'payload_too_large']);
  });
});

describe('the secrets of a job', () => {
  // Turned around, so that they are seen.
  const shell = 'echo "$A-$B" | rev';
  const secrets = { A: 'first-secret', B: 'second-secret' };

  it('go along unseen, as a patch changes them', async () => {
    const old = await service.submit({ type: 'command', shell, secrets });
    const response = await retry(old.id);
    const text = await response.text();
    expect(text).not.toMatch(/secret/);
    expect(await outputOfEnded(JSON.parse(text).id)).toBe('terces-dnoces-terces-tsrif\n');
    const changed = await retried(old.id, { spec: { secrets: { A: null, B: 'another' } } });
    expect(changed.spec).toEqual({ type: 'command', shell });
    expect(await outputOfEnded(changed.id)).toBe('rehtona-\n');
    expect(await outputOfEnded((await retried(changed.id)).id)).toBe('rehtona-\n');
    expect(await outputOfEnded((await retried(old.id, { spec: { secrets: null } })).id)).toBe('-\n');
  });

  it('that were sealed under another key are not lost in silence', async () => {
    const { id } = await service.submit({ type: 'command', shell, secrets });
    const redis = new Redis(redisAddress(service.redisUrl));
    await redis.hset(jobKeys(id).state, 'sealed', createSeal('the key before').seal(id, secrets));
    redis.disconnect();
    for (const body of [{}, { spec: { secrets: { A: 'x' } } }]) {
      const refused = await (await retry(id, body)).json();
      expect([refused.code, refused.errors[0].pointer]).toEqual(['validation_failed', '/spec/secrets']);
      expect(refused.detail).toContain('"secrets": null');
    }
    expect(await outputOfEnded((await retried(id, { spec: { secrets: null } })).id)).toBe('-\n');
  });
});

describe('an Idempotency-Key of a retry', () => {
  it('makes one job of many retries, also of many at once, and answers it as it is now', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const once = { 'idempotency-key': 'retry-1' };
    const responses = await Promise.all(Array.from({ length: 10 }, () => retry(id, undefined, once)));
    const jobs = (await Promise.all(responses.map((response) => response.json()))) as Job[];
    expect(new Set(jobs.map((job) => job.id)).size).toBe(1);
    expect(responses.filter((each) => each.headers.get('idempotent-replayed') === 'true').length).toBe(9);
    await service.finished(jobs[0]?.id ?? '');
    const replay = await retry(id, {}, once);
    expect(replay.headers.get('location')).toBe(`/v1/jobs/${jobs[0]?.id}`);
    expect(await replay.json()).toMatchObject({ id: jobs[0]?.id, status: 'succeeded', retryOf: id });
  });

  it('answers the same job also when the one that was retried is gone', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const once = { 'idempotency-key': 'retry-of-a-job-that-expires' };
    const made = (await (await retry(id, {}, once)).json()) as Job;
    await service.finished(id);
    const redis = new Redis(redisAddress(service.redisUrl));
    await redis.del(jobKeys(id).state, jobKeys(id).events);
    redis.disconnect();
    const replay = await retry(id, {}, once);
    expect([replay.status, replay.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
    expect(await replay.json()).toMatchObject({ id: made.id, retryOf: id });
    expect((await retry(id, { spec: { priority: 1 } }, once)).status).toBe(422);
    expect((await retry(id)).status).toBe(404);
  });

  it('stays free when the retry is refused', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const key = { 'idempotency-key': 'retry-that-was-wrong' };
    const refused = await retry(id, { spec: { shell: 7 } }, key);
    expect([refused.status, (await refused.json()).code]).toEqual([422, 'validation_failed']);
    expect((await retry(id, {}, key)).status).toBe(202);
  });

  it('stands for one body, and for nothing at other addresses', async () => {
    const submission = { type: 'command', shell: 'true' } as const;
    const key = { 'idempotency-key': 'retry-2' };
    const submitted = await service.submit(submission, key);
    const first = (await (await retry(submitted.id, {}, key)).json()) as Job;
    expect(first.retryOf).toBe(submitted.id);
    const other = await retry(submitted.id, { spec: { priority: 1 } }, key);
    expect([other.status, (await other.json()).code]).toEqual([422, 'idempotency_key_reused']);
    const ofAnother = (await (await retry(first.id, {}, key)).json()) as Job;
    expect(ofAnother.retryOf).toBe(first.id);
    expect(new Set([submitted.id, first.id, ofAnother.id]).size).toBe(3);
  });
});

describe('the client', () => {
  it('retries', async () => {
    const client = createClient({ baseUrl: service.baseUrl, key: apiKey });
    const { id } = await client.submit({ type: 'command', shell: 'true' });
    expect((await client.retry(id)).retryOf).toBe(id);
    const make = () => client.retry(id, { spec: { priority: 9 } }, { idempotencyKey: 'client-1' });
    const [one, two] = [await make(), await make()];
    expect(one).toMatchObject({ id: two.id, retryOf: id, spec: { priority: 9 } });
  });
});
