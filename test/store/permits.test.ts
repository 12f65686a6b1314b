import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import type { Usage } from '../../src/contract/result.ts';
import { providerKeys } from '../../src/store/keys.ts';
import { type PermitRequest, Permits } from '../../src/store/permits.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { emptyDatabase } from '../support/redis.ts';

let connection: LogConnection;
let permits: Permits;
beforeAll(async () => {
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  permits = new Permits(connection);
});
beforeEach(async () => {
  await connection.redis.flushdb();
});
afterAll(() => connection.close());

const today = new Date().toISOString().slice(0, 10);
const usage: Usage = { inputTokens: 100, outputTokens: 20, costUsd: 0.5 };

/** Asks for a call under a name of its own. */
async function ask(wanted: Partial<PermitRequest> = {}) {
  const permit = randomUUID();
  const answer = await permits.ask({
    permit,
    job: `job_${permit}`,
    provider: 'p',
    model: 'm',
    actor: 'key:a',
    slotsMax: 0,
    reserveUsd: 0,
    dailyBudgetUsd: null,
    ...wanted,
  });
  return { permit, answer };
}

async function fail(times: number) {
  for (let time = 0; time < times; time += 1) {
    const { permit } = await ask();
    await permits.giveBack(permit, null, { outcome: 'failing' });
  }
}

async function letLeaseEnd(permit: string) {
  await connection.redis.zadd(`${providerKeys.root}:expiry`, 1, permit);
}

const money = async () => {
  const [spent, reserved] = await connection.redis.hmget(
    `${providerKeys.root}:spent:${today}`,
    'spent',
    'reserved',
  );
  return { spent: Number(spent) / 1e9, reserved: Number(reserved) / 1e9 };
};
const counted = async () =>
  Object.fromEntries(
    Object.entries(await connection.redis.hgetall(providerKeys.usage(today))).map(([field, count]) => [
      JSON.parse(field).join(' '),
      Number(count),
    ]),
  );

describe('slots', () => {
  it('are as many as are allowed, and free again when a call is over', async () => {
    const first = await ask({ slotsMax: 2 });
    const second = await ask({ slotsMax: 2 });
    expect([first.answer, second.answer]).toEqual([{ kind: 'OK' }, { kind: 'OK' }]);
    expect((await ask({ slotsMax: 2 })).answer).toMatchObject({ kind: 'WAIT', why: 'busy' });
    expect((await ask({ slotsMax: 2, provider: 'other' })).answer).toEqual({ kind: 'OK' });
    await permits.giveBack(first.permit, null, { outcome: 'none' });
    expect((await ask({ slotsMax: 2 })).answer).toEqual({ kind: 'OK' });
  });

  it('of a worker that died are free when its lease is over, and not before', async () => {
    const { permit } = await ask({ slotsMax: 1 });
    expect((await ask({ slotsMax: 1 })).answer.kind).toBe('WAIT');
    await letLeaseEnd(permit);
    await permits.keep([[permit, null]]);
    expect((await ask({ slotsMax: 1 })).answer.kind).toBe('WAIT');
    await letLeaseEnd(permit);
    expect((await ask({ slotsMax: 1 })).answer.kind).toBe('OK');
  });

  it('are waited for one after the other, however often a job asks', async () => {
    await ask({ slotsMax: 1 });
    const waits: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      const { answer } = await ask({ slotsMax: 1, job: `job_${count}` });
      if (answer.kind === 'WAIT') waits.push(answer.ms);
    }
    expect(waits).toEqual(Array.from({ length: 20 }, (_, place) => limits.permitPaceMs * (2 + place)));
    const { answer } = await ask({ slotsMax: 1, job: 'job_0' });
    expect(answer).toMatchObject({ kind: 'WAIT', why: 'busy' });
  });
});

describe('a rate limit', () => {
  it('keeps every worker from asking that model until the time the provider named', async () => {
    const { permit } = await ask();
    await permits.giveBack(permit, null, { outcome: 'rate_limited', retryAfterMs: 60_000 });
    const { answer } = await ask();
    expect(answer).toMatchObject({ kind: 'WAIT', why: 'rate_limited' });
    expect(answer.kind === 'WAIT' && answer.ms).toBeGreaterThan(50_000);
    expect((await ask({ model: 'other' })).answer.kind).toBe('OK');
  });

  it('is never shortened by a later answer, and doubles where no time is named', async () => {
    const [a, b] = [await ask(), await ask()];
    await permits.giveBack(a.permit, null, { outcome: 'rate_limited', retryAfterMs: 60_000 });
    await permits.giveBack(b.permit, null, { outcome: 'rate_limited', retryAfterMs: 1 });
    const { answer } = await ask();
    expect(answer.kind === 'WAIT' && answer.ms).toBeGreaterThan(50_000);
    const [c, d] = [await ask({ model: 'n' }), await ask({ model: 'n' })];
    for (const { permit } of [c, d]) await permits.giveBack(permit, null, { outcome: 'rate_limited' });
    const later = await ask({ model: 'n' });
    expect(later.answer.kind === 'WAIT' && later.answer.ms).toBeGreaterThan(limits.parkMsMin * 1.5);
  });
});

describe('the breaker', () => {
  it('opens after failures in a row, and a success between them begins anew', async () => {
    await fail(limits.breakerFailuresMax - 1);
    const { permit } = await ask();
    await permits.giveBack(permit, null, { outcome: 'ok' });
    await fail(limits.breakerFailuresMax - 1);
    expect((await ask()).answer.kind).toBe('OK');
    await fail(1);
    expect((await ask()).answer).toMatchObject({ kind: 'WAIT', why: 'failing' });
  });

  it('lets one call through when its time is over, and closes or opens for longer by how that ends', async () => {
    const breaker = `${providerKeys.root}:breaker:p`;
    const passTime = () => connection.redis.hset(breaker, 'until', '1');
    await fail(limits.breakerFailuresMax);
    await passTime();
    const probe = await ask();
    expect(probe.answer.kind).toBe('OK');
    expect((await ask()).answer).toMatchObject({ kind: 'WAIT', why: 'probing' });
    await permits.giveBack(probe.permit, null, { outcome: 'failing' });
    const { answer } = await ask();
    expect(answer).toMatchObject({ kind: 'WAIT', why: 'failing' });
    expect(answer.kind === 'WAIT' && answer.ms).toBeGreaterThan(limits.breakerOpenMsMin * 1.5);
    await passTime();
    const lost = await ask();
    await letLeaseEnd(lost.permit);
    const next = await ask();
    expect(next.answer.kind).toBe('OK');
    await permits.giveBack(next.permit, null, { outcome: 'ok' });
    expect([(await ask()).answer.kind, (await ask()).answer.kind]).toEqual(['OK', 'OK']);
  });
});

describe('the budget of a day', () => {
  const budget = { dailyBudgetUsd: 1, reserveUsd: 0.4 };

  it('is reserved before a call, so that calls at once cannot exceed it together', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(budget)));
    expect(answers.filter(({ answer }) => answer.kind === 'OK')).toHaveLength(2);
    const refused = answers.find(({ answer }) => answer.kind === 'BUDGET');
    expect(refused?.answer).toEqual({ kind: 'BUDGET', spentUsd: 0, reservedUsd: 0.8 });
  });

  it('is reserved once where the question is repeated after a lost reply', async () => {
    const { permit } = await ask({ ...budget, slotsMax: 1 });
    const repeated = await permits.ask({
      ...{ permit, job: `job_${permit}`, provider: 'p', model: 'm', actor: 'key:a' },
      ...{ ...budget, slotsMax: 1 },
    });
    expect(repeated).toEqual({ kind: 'OK' });
    expect(await money()).toEqual({ spent: 0, reserved: 0.4 });
    expect(await counted()).toEqual({ 'p m key:a calls': 1 });
  });

  it('is charged with what the call did cost, and the rest is free again', async () => {
    const { permit } = await ask(budget);
    await permits.keep([[permit, { ...usage, costUsd: 0.1 }]]);
    expect(await money()).toEqual({ spent: 0.1, reserved: expect.closeTo(0.3) });
    await permits.giveBack(permit, { ...usage, costUsd: 0.15 }, { outcome: 'ok' });
    expect(await money()).toEqual({ spent: 0.15, reserved: 0 });
    await permits.giveBack(permit, { ...usage, costUsd: 0.15 }, { outcome: 'ok' });
    expect(await money()).toEqual({ spent: 0.15, reserved: 0 });
  });

  it('takes a call that cost more than was thought', async () => {
    const { permit } = await ask(budget);
    await permits.giveBack(permit, { ...usage, costUsd: 0.7 }, { outcome: 'ok' });
    expect(await money()).toEqual({ spent: 0.7, reserved: 0 });
    expect((await ask(budget)).answer.kind).toBe('BUDGET');
  });

  it('gets back what a dead worker had reserved and not used', async () => {
    const { permit } = await ask(budget);
    await permits.keep([[permit, { ...usage, costUsd: 0.1 }]]);
    await letLeaseEnd(permit);
    await ask({ dailyBudgetUsd: 1 });
    expect(await money()).toEqual({ spent: 0.1, reserved: 0 });
  });
});

describe('usage', () => {
  it('is counted once by provider, model, key and day, however often it is reported', async () => {
    const { permit } = await ask();
    await permits.keep([[permit, { inputTokens: 100, outputTokens: 1, costUsd: null }]]);
    await permits.keep([[permit, { inputTokens: 100, outputTokens: 5, costUsd: null }]]);
    await permits.giveBack(permit, { ...usage, cachedInputTokens: 7 }, { outcome: 'ok' });
    const other = await ask({ actor: 'browser' });
    await permits.giveBack(other.permit, usage, { outcome: 'ok' });
    expect(await counted()).toEqual({
      'p m key:a calls': 1,
      'p m key:a unpricedCalls': 0,
      'p m key:a inputTokens': 100,
      'p m key:a outputTokens': 20,
      'p m key:a cachedInputTokens': 7,
      'p m key:a nanoUsd': 500_000_000,
      'p m browser calls': 1,
      'p m browser inputTokens': 100,
      'p m browser outputTokens': 20,
      'p m browser nanoUsd': 500_000_000,
    });
  });
});
