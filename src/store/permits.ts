import { limits } from '../contract/limits.ts';
import type { Usage } from '../contract/result.ts';
import { providerKeys } from './keys.ts';
import type { LogConnection } from './redis.ts';
import { loadScript, runScript } from './redis.ts';

/** Who wants to call which model, and what that may cost at most. */
export interface PermitRequest {
  /** Names this call; made for it. */
  permit: string;
  job: string;
  provider: string;
  model: string;
  /** Who submitted the job. */
  actor: string;
  /** Calls at once of this provider, over all workers; 0: any number. */
  slotsMax: number;
  /** What the call may cost, in dollars; 0 where its price is unknown. */
  reserveUsd: number;
  /** What all calls of a day may cost, in dollars; null: any amount. */
  dailyBudgetUsd: number | null;
}

export type PermitAnswer =
  | { kind: 'OK' }
  /** `failing`: its calls fail one after the other; `probing`: one is on its way to see whether they still do. */
  | { kind: 'WAIT'; ms: number; why: 'rate_limited' | 'failing' | 'probing' | 'busy' }
  | { kind: 'BUDGET'; spentUsd: number; reservedUsd: number };

/** What a call says of its provider. */
export interface CallOutcome {
  outcome: 'ok' | 'rate_limited' | 'failing' | 'none';
  /** How long the provider asks to wait, in milliseconds. */
  retryAfterMs?: number | undefined;
}

/**
 * The right to call a model: all workers share each provider's limit, breaker and slots, and the budget of a day.
 * What a call uses is counted under its permit, each token once.
 * @throws ioredis errors as they come.
 */
export class Permits {
  readonly #connection: LogConnection;
  readonly #scripts = {
    ask: loadScript('permit-ask', 'permits'),
    keep: loadScript('permit-keep', 'permits'),
    giveBack: loadScript('permit-return', 'permits'),
  };

  constructor(connection: LogConnection) {
    this.#connection = connection;
  }

  /** Repeating it, after a lost reply, changes nothing. */
  async ask(request: PermitRequest): Promise<PermitAnswer> {
    const { permit, job, provider, model, actor, slotsMax, reserveUsd, dailyBudgetUsd } = request;
    const day = new Date().toISOString().slice(0, 10);
    const [kind, first, second] = await this.#run('ask', [
      ...[permit, job, provider, model, actor, day, slotsMax, nano(reserveUsd)],
      dailyBudgetUsd === null ? '' : nano(dailyBudgetUsd),
      ...[limits.permitLeaseMs, limits.breakerFailuresMax, limits.usageKeptMs, limits.permitPaceMs],
    ]);
    if (kind === 'OK') return { kind };
    if (kind === 'BUDGET')
      return { kind, spentUsd: Number(first) / nanoPerDollar, reservedUsd: Number(second) / nanoPerDollar };
    return {
      kind: 'WAIT',
      ms: Number(first),
      why: second as 'rate_limited' | 'failing' | 'probing' | 'busy',
    };
  }

  /** Keeps permits alive; each with what its call used so far, where that is news. */
  async keep(permits: Iterable<readonly [string, Usage | null]>): Promise<void> {
    const pairs = [...permits].flatMap(([permit, usage]) => [permit, usage === null ? '' : countsOf(usage)]);
    if (pairs.length > 0) await this.#run('keep', [limits.permitLeaseMs, limits.usageKeptMs, ...pairs]);
  }

  /** Ends a permit. Repeating it changes nothing. */
  async giveBack(permit: string, usage: Usage | null, { outcome, retryAfterMs }: CallOutcome): Promise<void> {
    await this.#run('giveBack', [
      ...[permit, usage === null ? '' : countsOf(usage), outcome],
      retryAfterMs === undefined ? '' : Math.min(retryAfterMs, limits.retryHintMsMax),
      ...[limits.breakerFailuresMax, limits.breakerOpenMsMin, limits.breakerOpenMsMax],
      ...[limits.parkMsMin, limits.parkMsMax, limits.usageKeptMs],
    ]);
  }

  #run(script: 'ask' | 'keep' | 'giveBack', args: (string | number)[]): Promise<string[]> {
    return runScript(this.#connection.redis, this.#scripts[script], { keys: [providerKeys.root], args });
  }
}

const nanoPerDollar = 1_000_000_000;

function nano(dollars: number): number {
  return Math.ceil(dollars * nanoPerDollar);
}

/** In whole numbers, by the names under which usage is asked for. */
function countsOf(usage: Usage): string {
  const { costUsd, ...tokens } = usage;
  const cost = costUsd === null ? { unpricedCalls: 1 } : { unpricedCalls: 0, nanoUsd: nano(costUsd) };
  return JSON.stringify({ ...tokens, ...cost });
}
