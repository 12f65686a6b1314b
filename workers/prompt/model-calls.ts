import { randomUUID } from 'node:crypto';
import type { PromptSpec } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import type { Usage } from '../../src/contract/result.ts';
import { boundCall, type CallBound } from '../../src/core/call-cost.ts';
import { decisiveFailure, type ModelFailure } from '../../src/core/fallback.ts';
import { addUsage } from '../../src/core/usage-total.ts';
import type { ModelPrice } from '../../src/platform/prices.ts';
import type { CallOutcome } from '../../src/store/permits.ts';
import type { PromptAdapter, PromptRequest } from '../adapter.ts';
import type { Attempt, Outcome } from '../attempt.ts';
import type { WorkerServices } from '../services.ts';
import { untilRedisAnswers } from '../until-redis-answers.ts';
import { Answer } from './answer.ts';
import { failureOf, outcomeOf, overBudget, refusedPermit } from './call-failure.ts';

/** How asking for an answer came out: with one, with a failure, or with the end of the attempt. */
export type Asked =
  | { kind: 'answer'; answer: Answer; provider: string }
  | { kind: 'failed'; failure: ModelFailure }
  | { kind: 'over'; outcome: Outcome | null };

/** One model, as it is about to be called. */
interface Candidate {
  id: string;
  model: string;
  adapter: PromptAdapter;
  price: ModelPrice | null;
  permit: string;
}

/**
 * The calls of models in one attempt. Each is permitted, bound by the budget and counted; where one fails, the
 * next model of the prompt takes over. The attempt starts with the first call that is permitted.
 */
export class ModelCalls {
  readonly #services: WorkerServices;
  readonly #attempt: Attempt;
  readonly #spec: PromptSpec;
  readonly #actor: string;
  #isStarted = false;
  /** Why the model before was left; readers have not been told. */
  #left: Problem | null = null;
  /** Whether readers have seen parts of an answer that does not count. */
  #hasSaid = false;
  #usage: Usage | null;

  /** `actor` is who submitted the job. */
  constructor(
    services: WorkerServices,
    { attempt, spec, actor }: { attempt: Attempt; spec: PromptSpec; actor: string },
  ) {
    this.#services = services;
    this.#attempt = attempt;
    this.#spec = spec;
    this.#actor = actor;
    this.#usage = attempt.job.usage;
  }

  /** Of this attempt and those before it: what they used was used, too. */
  get usage(): Usage | null {
    return this.#usage;
  }

  /** Asks the models of the prompt in order, until one answers. */
  async ask(request: PromptRequest): Promise<Asked> {
    const failures: ModelFailure[] = [];
    for (const id of [this.#spec.model, ...(this.#spec.fallbacks ?? [])]) {
      const asked = await this.#askModel(id, request).catch((error: unknown): Asked => {
        return { kind: 'failed', failure: failureOf(error, this.#attempt.job.id) };
      });
      if (asked.kind !== 'failed') return asked;
      if (this.#attempt.ending.signal.aborted || !asked.failure.mayFallBack) return asked;
      failures.push(asked.failure);
      this.#left = asked.failure.error;
    }
    const [first, ...others] = failures;
    if (first === undefined) throw new TypeError('a prompt has a model');
    const failure = decisiveFailure([first, ...others]);
    if (!failure.isWait || this.#isStarted) return { kind: 'failed', failure };
    const { error, retryAfterMs = 0 } = failure;
    return { kind: 'over', outcome: { kind: 'parked', reason: error.code, ms: retryAfterMs } };
  }

  async #askModel(id: string, request: PromptRequest): Promise<Asked> {
    const { job } = this.#attempt;
    const { adapters, prices } = this.#services;
    const { adapter, model } = adapters.find(id);
    const price = (await prices()).priceOf(id);
    const candidate = { id, model, adapter, price, permit: randomUUID() };
    const bound = this.#bound(request, price);
    if (bound === null) return { kind: 'failed', failure: this.#overBudget(candidate) };
    const answer = await this.#askPermit(candidate, bound);
    if (answer.kind !== 'OK') return { kind: 'failed', failure: refusedPermit(job.id, { id, answer }) };
    const landing = await this.#begin(id);
    if (landing === 'begun') return this.#call(candidate, withBound({ ...request, model }, bound));
    await this.#giveBack(candidate.permit, { outcome: 'none' });
    return { kind: 'over', outcome: landing === 'ended' ? null : { kind: 'refused', landing } };
  }

  #bound(request: PromptRequest, price: ModelPrice | null): CallBound | null {
    const { maxCostUsd } = this.#spec;
    if (price === null) return maxCostUsd === undefined ? { maxOutputTokens: null, reserveUsd: 0 } : null;
    const leftUsd = maxCostUsd === undefined ? null : maxCostUsd - (this.#usage?.costUsd ?? 0);
    return boundCall(request, price.costOf, leftUsd);
  }

  #overBudget({ id, price }: Candidate): ModelFailure {
    const spentUsd = price === null ? null : (this.#usage?.costUsd ?? 0);
    return overBudget(this.#attempt.job.id, { id, maxCostUsd: this.#spec.maxCostUsd ?? 0, spentUsd });
  }

  #askPermit({ permit, adapter: { provider }, model }: Candidate, { reserveUsd }: CallBound) {
    const { callRules, permits } = this.#services;
    const request = { permit, job: this.#attempt.job.id, provider, model, actor: this.#actor, reserveUsd };
    return untilRedisAnswers(this.#services, () => permits.ask({ ...request, ...callRules(provider) }));
  }

  /** Tells readers whom they hear from now on, and why; with the first, the attempt starts. */
  async #begin(id: string): Promise<'begun' | 'ended' | 'cancelled' | 'fenced'> {
    const { publisher, ending, limits, resetReason } = this.#attempt;
    const started = { type: 'job.started', data: { worker: this.#services.id, model: id } } as const;
    const reason = this.#hasSaid ? `${id} takes over` : this.#isStarted ? null : resetReason;
    const left = this.#left;
    if (left !== null) publisher.emit({ type: 'attempt.failed', data: { error: left, retryInMs: 0 } });
    if (reason !== null) publisher.emit({ type: 'output.reset', data: { reason } });
    this.#left = null;
    this.#hasSaid = false;
    if (this.#isStarted) {
      if (left !== null) publisher.emit(started);
      return 'begun';
    }
    const landing = await publisher.start(started);
    if (landing !== 'stored') return landing;
    if (!ending.start()) return 'ended';
    this.#isStarted = true;
    limits.begin();
    return 'begun';
  }

  async #call(candidate: Candidate, request: PromptRequest): Promise<Asked> {
    const { publisher, ending, limits } = this.#attempt;
    const { adapter, permit } = candidate;
    const onUsage = this.#counter(candidate);
    const answer = new Answer({ publisher, model: request.model, onUsage });
    let outcome: CallOutcome = { outcome: 'none' };
    try {
      for await (const part of adapter.stream(request, ending.signal)) {
        limits.touch();
        answer.take(part);
        if (publisher.isFull()) await limits.hold(publisher.room());
        if (ending.signal.aborted || answer.isFull()) break;
      }
      if (!ending.signal.aborted) outcome = { outcome: 'ok' };
      return { kind: 'answer', answer, provider: adapter.provider };
    } catch (error) {
      this.#hasSaid = answer.hasSaidAnything();
      outcome = outcomeOf(error);
      throw error;
    } finally {
      // It also tells what was used: nothing ends before that is counted.
      await this.#giveBack(permit, outcome);
    }
  }

  /** Adds what one call uses to what all have used, as often as it is told. */
  #counter({ permit, price }: Candidate): (used: Usage) => void {
    const before = this.#usage;
    return (used) => {
      const costUsd = used.costUsd ?? price?.costOf(used) ?? null;
      const usage = { ...used, costUsd };
      const total = addUsage(before, usage) ?? usage;
      this.#usage = total;
      this.#attempt.publisher.emit({ type: 'usage.updated', data: total });
      this.#services.permits.report(permit, usage);
    };
  }

  async #giveBack(permit: string, outcome: CallOutcome): Promise<void> {
    await untilRedisAnswers(this.#services, () => this.#services.permits.giveBack(permit, outcome));
  }
}

function withBound(request: PromptRequest, { maxOutputTokens }: CallBound): PromptRequest {
  return maxOutputTokens === null ? request : { ...request, maxOutputTokens };
}
