import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSeal } from '../../src/platform/seal.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { createSessions } from '../../src/store/sessions.ts';
import { emptyDatabase } from '../support/redis.ts';

let redis: Redis;
beforeAll(async () => {
  redis = new Redis(redisAddress(await emptyDatabase()));
});
afterAll(() => redis.disconnect());

const sessionsUnder = (apiKey: string) =>
  createSessions(redis, (token) => createSeal(apiKey).fingerprint(token));

describe('a browser session', () => {
  it('is made once from a link, and ends when the key is changed', async () => {
    const old = sessionsUnder('the old key');
    const link = await old.offerLogin();
    const session = (await old.login(link)) ?? '';
    expect(await old.isLive(session)).toBe(true);
    expect(await old.login(link)).toBeNull();
    const changed = sessionsUnder('the new key');
    expect(await changed.isLive(session)).toBe(false);
    expect(await changed.login(await old.offerLogin())).toBeNull();
  });

  it('is nowhere in Redis as it is sent', async () => {
    const sessions = sessionsUnder('a key');
    const session = (await sessions.login(await sessions.offerLogin())) ?? '';
    const keys = await redis.keys('*');
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => key.includes(session))).toEqual([]);
  });
});
