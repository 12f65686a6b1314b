import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { connectRedis } from '../../src/store/redis.ts';
import { outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService({ config: { concurrency: 1 } });
});
afterAll(() => service.close());

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const authorized = () => ({ authorization: `Bearer ${service.config.apiKey}` });
const urlOf = (id: string, path: string) => `${service.baseUrl}/v1/jobs/${id}/files/${path}`;
const codeOf = async (response: Response) => [response.status, (await response.json()).code];

async function running(shell: string): Promise<string> {
  const { id } = await service.submit({ type: 'command', argv: ['bash', '-c', shell] });
  await until(async () => outputOf(await service.events(id)).includes('up'), 'it runs');
  return id;
}

async function cancelled(id: string): Promise<void> {
  await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  await service.finished(id);
}

/** Sends as much as it is asked for, and does not say beforehand how much. */
async function upload(id: string, path: string, bytes: number): Promise<[number, unknown]> {
  const request = httpRequest(urlOf(id, path), { method: 'PUT', headers: authorized() });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  const chunk = Buffer.alloc(256 * 1024);
  let isAnswered = false;
  void answered.then(() => {
    isAnswered = true;
  });
  for (let sent = 0; sent < bytes && !isAnswered; sent += chunk.length)
    if (!request.write(chunk)) await Promise.race([once(request, 'drain'), answered]);
  request.end();
  const [response] = await answered;
  const body = (await response.toArray()).join('');
  return [response.statusCode ?? 0, JSON.parse(body).code];
}

describe('The transfer of a file', () => {
  it('is refused with its reason before all of it was sent', async () => {
    const id = await running('ln -s /etc there; mkdir folder; echo up; sleep 60');
    for (const path of ['there/x', 'folder'])
      expect(await upload(id, path, limits.fileBytesMax)).toEqual([404, 'file_not_found']);
    await cancelled(id);
  }, 60_000);

  it('ends where a file may have no more, also when its size was not told', async () => {
    const id = await running('echo up; sleep 60');
    expect(await upload(id, 'large', limits.fileBytesMax + 1)).toEqual([413, 'payload_too_large']);
    const left = async () => (await (await service.request(`/v1/jobs/${id}/files`)).json()).items.length;
    await until(async () => (await left()) === 0, 'nothing is left of it');
    await cancelled(id);
  }, 60_000);

  it('holds a few frames for who reads slowly, and is exact', async () => {
    const id = await running('echo up; sleep 60');
    const content = randomBytes(20 * 1024 * 1024);
    const put = { method: 'PUT', body: content, headers: authorized() };
    expect((await fetch(urlOf(id, 'big'), put)).status).toBe(201);

    const request = get(urlOf(id, 'big'), { headers: authorized() });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const redis = connectRedis(service.redisUrl, 'log');
    await once(redis, 'ready');
    onTestFinished(() => redis.disconnect());
    const waiting = async () => {
      const lists = await redis.keys('llmx:x:*:asker');
      return Math.max(0, ...(await Promise.all(lists.map((list) => redis.llen(list)))));
    };
    await until(async () => (await waiting()) >= limits.exchangeFramesWaiting, 'the reader is waited for');
    await sleep(300);
    expect(await waiting()).toBe(limits.exchangeFramesWaiting);
    expect(digest(Buffer.concat(await response.toArray()))).toBe(digest(content));
    await cancelled(id);
  });

  it('goes to the machine where the job is, and says when no worker is there', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-test-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));
    const other = await service.addWorker({ dataDir, drainMs: 0 });
    const ids = [];
    for (const name of ['one', 'two']) ids.push(await running(`echo ${name} > name; pwd; echo up; sleep 60`));
    const elsewhere = [];
    for (const [index, id] of ids.entries()) {
      if (outputOf(await service.events(id)).includes(dataDir)) elsewhere.push(id);
      expect(await (await fetch(urlOf(id, 'name'), { headers: authorized() })).text()).toBe(
        `${['one', 'two'][index]}\n`,
      );
      const put = { method: 'PUT', body: 'x', headers: authorized() };
      expect((await fetch(urlOf(id, 'put'), put)).status).toBe(201);
    }
    expect(elsewhere.length).toBe(1); // each worker runs one at a time
    for (const id of ids) await cancelled(id);
    await other.close();
    for (const id of ids) {
      const response = await fetch(urlOf(id, 'put'), { headers: authorized() });
      if (elsewhere.includes(id)) expect(await codeOf(response)).toEqual([503, 'transfer_broken']);
      else expect(await response.text()).toBe('x');
    }
  });
});
