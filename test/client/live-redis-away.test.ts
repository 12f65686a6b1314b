import { afterAll, beforeAll, expect, it } from 'vitest';
import WebSocket from 'ws';
import { createClient } from '../../src/client/http.ts';
import { openLiveLink } from '../../src/client/live.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
let service: TestService;
beforeAll(async () => {
  redis = await startTestRedis();
  service = await startService({ redisUrl: redis.url });
});
afterAll(async () => {
  await service.close();
  await redis.close();
});

it('What is typed over a live link while Redis restarts reaches the program once, in order', async () => {
  const { baseUrl } = service;
  const link = openLiveLink({
    client: createClient({ baseUrl, key: apiKey }),
    baseUrl,
    connect: (address, protocol) =>
      new WebSocket(address, protocol, { headers: { authorization: `Bearer ${apiKey}` } }),
  });
  const shell = 'stty -echo; echo ready; while read -r line; do echo "got <$line>"; done';
  const { id } = await service.submit({ type: 'command', shell, interactive: true });
  const events: JobEvent[] = [];
  link.follow(id, {}, { onEvents: (batch) => events.push(...batch), onGone: () => {} });
  await until(() => outputOf(events).includes('ready'), 'the program reads');
  const keys = [...'abcdefghijklmnopqrstuvwxyz'];
  const typed: Promise<void>[] = [];
  for (const key of keys.slice(0, 5)) typed.push(link.input(id, { text: key }));
  await redis.kill('SIGKILL');
  for (const key of keys.slice(5, 20)) {
    typed.push(link.input(id, { text: key }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await redis.restart();
  for (const key of keys.slice(20)) typed.push(link.input(id, { text: key }));
  typed.push(link.input(id, { text: '\r' }));
  await Promise.all(typed);
  await until(() => outputOf(events).includes('got <'), 'the line was read');
  expect(outputOf(events)).toContain(`got <${keys.join('')}>`);
  link.close();
});
