import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { securityHeaders } from '../../src/api/security-headers.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let job: string;
beforeAll(async () => {
  service = await startService({ workers: 0 });
  ({ id: job } = await service.submit({ type: 'command', shell: 'true' }));
});
afterAll(() => service.close());

describe('what a browser is told', () => {
  it.each([
    ['an answer', () => '/v1/jobs', {}],
    ['a problem', () => '/v1/jobs/job_01jc0000000000000000000000', {}],
    ['a refusal', () => '/v1/jobs', { authorization: 'Bearer wrong' }],
    ['an address that is not there', () => '/v1/nothing', {}],
    ['a stream of a job', () => `/v1/jobs/${job}/events`, { accept: 'text/event-stream' }],
    ['the bell', () => '/v1/events', { accept: 'text/event-stream' }],
  ])('is the same with %s', async (_, path, headers) => {
    const answer = await service.request(path(), { headers });
    expect(Object.fromEntries(answer.headers)).toMatchObject(securityHeaders);
    await answer.body?.cancel();
  });

  it('is stricter than what the documentation page needs to show itself', async () => {
    const { headers } = await service.request('/documentation/');
    const { 'content-security-policy': policy, ...others } = securityHeaders;
    expect(Object.fromEntries(headers)).toMatchObject(others);
    expect(headers.get('content-security-policy')).not.toBe(policy);
  });
});
