import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobRecords } from '../../src/store/job-records.ts';
import { connectRedis } from '../../src/store/redis.ts';
import { sweepWorkspaces } from '../../workers/files/sweep-workspaces.ts';
import { outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const files = (id: string, path = '') => service.request(`/v1/jobs/${id}/files${path}`);
const put = (id: string, path: string, body: Uint8Array<ArrayBuffer> | string) =>
  fetch(`${service.baseUrl}/v1/jobs/${id}/files/${path}`, {
    method: 'PUT',
    body,
    headers: { authorization: `Bearer ${service.config.apiKey}`, 'content-type': 'application/octet-stream' },
  });

/** A command that lives until it is told. */
async function running(shell = 'echo up; while [ ! -e stop ]; do sleep 0.05; done; cat in.txt 2>/dev/null') {
  const { id } = await service.submit({ type: 'command', argv: ['bash', '-c', shell] });
  await until(async () => outputOf(await service.events(id)).includes('up'), 'it runs');
  return id;
}

describe('Files that come with a submit', () => {
  it('are there when the command starts, and shown without their content', async () => {
    const { job, events } = await service.run({
      type: 'command',
      shell: 'cat src/hello.txt; ./run.sh; od -An -tx1 bin',
      files: [
        { path: 'src/hello.txt', text: 'héllo\n' },
        { path: 'run.sh', text: '#!/bin/sh\necho ran\n', executable: true },
        { path: 'bin', base64: '/wA=' },
      ],
    });
    expect(outputOf(events)).toBe('héllo\nran\n ff 00\n');
    expect(job.spec).toMatchObject({
      files: [
        { path: 'src/hello.txt', bytes: 7 },
        { path: 'run.sh', bytes: 19, executable: true },
        { path: 'bin', bytes: 2 },
      ],
    });
    expect(JSON.stringify([job, events])).not.toContain('echo ran');

    const again = await service.request(`/v1/jobs/${job.id}/retry`, { method: 'POST', body: {} });
    const { id } = (await again.json()) as { id: string };
    expect((await service.finished(id)).status).toBe('succeeded');
    expect(outputOf(await service.events(id))).toBe('héllo\nran\n ff 00\n');
  });

  it.each(['/etc/x', '../x', 'a/../../x', 'a//b', './a', 'a/', `${'x'.repeat(300)}`])(
    'are refused where their path is %s',
    async (path) => {
      const body = {
        type: 'command',
        shell: 'true',
        files: [
          { path: 'ok', text: '' },
          { path, text: 'x' },
        ],
      };
      const response = await service.request('/v1/jobs', { body });
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: '/files/1/path' }] });
    },
  );

  it('are refused twice under one path, without content, or with two', async () => {
    for (const wrong of [
      [
        { path: 'a', text: '' },
        { path: 'a', text: '' },
      ],
      [{ path: 'a' }],
      [{ path: 'a', text: '', base64: '' }],
    ]) {
      const body = { type: 'command', shell: 'true', files: wrong };
      expect((await service.request('/v1/jobs', { body })).status).toBe(422);
    }
  });
});

describe('The workspace of a command', () => {
  it('takes and gives files while it runs, exactly, and gives them after', async () => {
    const id = await running();
    const big = randomBytes(20 * 1024 * 1024);
    const created = await put(id, 'input/data%20one', big);
    expect([created.status, await created.json()]).toEqual([
      201,
      { path: 'input/data one', bytes: big.length },
    ]);
    expect((await put(id, 'in.txt', 'first')).status).toBe(201);
    expect((await put(id, 'in.txt', 'second')).status).toBe(200);
    expect((await put(id, 'empty', '')).status).toBe(201);

    const back = await files(id, '/input/data%20one');
    expect(back.headers.get('content-type')).toBe('application/octet-stream');
    expect(back.headers.get('content-length')).toBe(String(big.length));
    expect(back.headers.get('content-disposition')).toBe(`attachment; filename*=UTF-8''data%20one`);
    expect(digest(Buffer.from(await back.arrayBuffer()))).toBe(digest(big));
    expect(await (await files(id, '/empty')).text()).toBe('');

    await put(id, 'stop', '');
    expect((await service.finished(id)).status).toBe('succeeded');
    expect(outputOf(await service.events(id))).toBe('up\nsecond');
    const list = await (await files(id)).json();
    expect(list.items.map((it: { path: string }) => it.path)).toEqual([
      'empty',
      'in.txt',
      'input',
      'input/data one',
      'stop',
    ]);
    const paths = async (query: string) =>
      (await (await files(id, query)).json()).items.map((it: { path: string }) => it.path);
    expect(await paths('?path=input')).toEqual(['input/data one']);
    expect(await paths('?recursive=false')).toEqual(['empty', 'in.txt', 'input', 'stop']);
    expect((await files(id, '?path=..')).status).toBe(422);
    expect(await (await files(id, '/in.txt')).text()).toBe('second');
    const late = await put(id, 'late', 'x');
    expect([late.status, (await late.json()).code]).toEqual([409, 'no_workspace']);
  });

  it('is not left by any path', async () => {
    const id = await running('ln -s /etc there; echo secret > kept; echo up; sleep 60');
    for (const path of [
      '../x',
      '%2e%2e/x',
      '..%2fx',
      '%2fetc/passwd',
      'a/%2e%2e/%2e%2e/x',
      'x%00y',
      'a//b',
      '.',
    ])
      expect([path, (await files(id, `/${path}`)).status >= 400]).toEqual([path, true]);
    for (const path of ['there/passwd', 'there', 'nothing']) {
      const response = await files(id, `/${path}`);
      expect([response.status, (await response.json()).code]).toEqual([404, 'file_not_found']);
    }
    expect((await put(id, 'there/llmmixer-test', 'x')).status).toBe(404);
    expect(existsSync('/etc/llmmixer-test')).toBe(false);
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await service.finished(id);
  });

  it('takes no more than a file may have, and nothing of an upload that breaks off', async () => {
    const id = await running('echo up; sleep 60');
    const { port } = new URL(service.baseUrl);
    const upload = httpRequest({
      port,
      path: `/v1/jobs/${id}/files/half`,
      method: 'PUT',
      headers: { authorization: `Bearer ${service.config.apiKey}`, 'content-length': 1_000_000 },
    });
    upload.on('error', () => {});
    upload.write(Buffer.alloc(500_000));
    await until(
      async () =>
        (await (await files(id)).json()).items.some((it: { path: string }) => it.path.startsWith('.upload')),
      'it has begun',
    );
    upload.destroy();
    await until(async () => (await (await files(id)).json()).items.length === 0, 'nothing is left of it');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await service.finished(id);
  });

  it('is none of a prompt, of a job that waits, and of none', async () => {
    const prompt = await service.run({ type: 'prompt', model: 'demo/echo', prompt: 'x' });
    const waits = await service.submit({ type: 'command', shell: 'true', delayMs: 60_000 });
    for (const { id } of [prompt.job, waits]) {
      const response = await files(id);
      expect([response.status, (await response.json()).code]).toEqual([409, 'no_workspace']);
    }
    expect((await files('job_00000000000000000000000000')).status).toBe(404);
  });

  it('leaves nothing in Redis that does not expire', async () => {
    const { job } = await service.run({ type: 'command', shell: 'head -c 3000000 /dev/zero > zero' });
    const zero = await files(job.id, '/zero');
    expect(zero.status, await zero.clone().text()).toBe(200);
    expect((await zero.arrayBuffer()).byteLength).toBe(3_000_000);
    const redis = connectRedis(service.redisUrl, 'log');
    await once(redis, 'ready');
    const lasting = [];
    for (const key of await redis.keys('llmx:x:*')) if ((await redis.pttl(key)) < 0) lasting.push(key);
    redis.disconnect();
    expect(lasting).toEqual([]);
  });

  it('is removed when it was kept long enough, and that is said', async () => {
    const { job } = await service.run({
      type: 'command',
      shell: 'mkdir -p a/b; echo x > a/b/c; chmod 0 a/b a',
    });
    const open = await running('echo up; sleep 60');
    const workspacesDir = join(service.config.dataDir, 'workspaces');
    mkdirSync(join(workspacesDir, 'job_00000000000000000000000001'));
    utimesSync(join(workspacesDir, 'job_00000000000000000000000001'), 1, 1);
    const redis = connectRedis(service.redisUrl, 'log');
    await once(redis, 'ready');
    const options = { workspacesDir, records: new JobRecords(redis), logger: pino({ level: 'silent' }) };
    await sweepWorkspaces({ ...options, keepMs: 3_600_000 });
    expect(readdirSync(workspacesDir)).toEqual(expect.arrayContaining([job.id, open]));
    expect(readdirSync(workspacesDir)).not.toContain('job_00000000000000000000000001');
    await sweepWorkspaces({ ...options, keepMs: 0 });
    redis.disconnect();
    expect(readdirSync(workspacesDir)).toContain(open);
    expect(readdirSync(workspacesDir)).not.toContain(job.id);
    const gone = await files(job.id);
    expect([gone.status, (await gone.json()).code]).toEqual([410, 'workspace_gone']);
    await service.request(`/v1/jobs/${open}/cancel`, { method: 'POST' });
    await service.finished(open);
  });
});
