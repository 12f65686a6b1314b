import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { emptyDatabase } from '../support/redis.ts';
import { startService, type TestService } from '../support/service.ts';

let proxy: FaultProxy;
let service: TestService;
beforeEach(async () => {
  proxy = await startFaultProxy(await emptyDatabase());
  service = await startService({ redisUrl: proxy.url, workers: 0 });
});
afterEach(async () => {
  await service.close();
  await proxy.close();
});

describe('a job whose connection to Redis breaks while it is submitted', () => {
  it.each([
    ['before anything of it was sent', /zadd[\s\S]*job_/i, 'redis_unavailable', 0],
    ['while the script is loaded that would create it', /LOAD[\s\S]*CREATE: makes/, 'redis_unavailable', 0],
    ['when it was sent', /job\.queued/, 'outcome_unknown', 1],
  ])('%s is answered for what is known of it', async (_, request, code, sent) => {
    const created = proxy.countRequests('\r\njob.queued\r\n');
    const trapped = proxy.trap(request, (connection) => connection.cut());
    const answer = await service.request('/v1/jobs', { body: { type: 'command', shell: 'true' } });
    await trapped;
    expect([answer.status, (await answer.json()).code, created()]).toEqual([503, code, sent]);
  });
});
