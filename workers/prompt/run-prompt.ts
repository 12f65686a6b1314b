import type { PromptSpec } from '../../src/contract/job.ts';
import { type Problem, problem } from '../../src/contract/problem.ts';
import type { Usage } from '../../src/contract/result.ts';
import { addUsage } from '../../src/core/usage-total.ts';
import { AdapterFailure, type PromptRequest } from '../adapter.ts';
import type { Attempt, Outcome } from '../attempt.ts';
import type { WorkerServices } from '../services.ts';
import { Answer } from './answer.ts';
import { askAgain, judgeFor } from './structured-output.ts';

/**
 * Runs a prompt: a streamed call of a model, every part of it an event, and a second one where the answer does
 * not hold to the schema. Null: ended before it began.
 */
export async function runPrompt(
  services: WorkerServices,
  attempt: Attempt,
  spec: PromptSpec,
): Promise<Outcome | null> {
  const { publisher, ending } = attempt;
  const landing = await publisher.start({
    type: 'job.started',
    data: { worker: services.id, model: spec.model },
  });
  if (landing !== 'stored') return { kind: 'refused', landing };
  if (!ending.start()) return null;
  attempt.limits.begin();
  // What earlier attempts used was used, too.
  const calls = new ModelCalls(services, attempt, attempt.job.usage);
  try {
    return await converse(calls, attempt, spec);
  } catch (error) {
    return calls.failed(problemOf(error, attempt));
  }
}

async function converse(
  calls: ModelCalls,
  { job, ending, publisher }: Attempt,
  spec: PromptSpec,
): Promise<Outcome> {
  const judge = judgeFor(spec);
  let request = requestOf(spec);
  for (let isRepair = false; ; isRepair = true) {
    const { answer, provider } = await calls.make(spec.model, request);
    if (ending.signal.aborted) return calls.failed(stopped(job.id));
    const result = answer.result(provider);
    if (judge === null || result.finishReason === 'tool_calls') return calls.succeeded(result);
    const verdict = judge(answer.text);
    if ('output' in verdict) return calls.succeeded({ ...result, output: verdict.output });
    if (isRepair || result.finishReason !== 'stop')
      return calls.failed(wrongOutput(job.id, verdict.fault, result.finishReason), result);
    publisher.emit({
      type: 'output.reset',
      data: {
        reason: `the answer does not hold to outputSchema (${verdict.fault}); the model is asked once more`,
      },
    });
    request = askAgain(requestOf(spec), { text: answer.text, fault: verdict.fault });
  }
}

/** The calls of one attempt, and what they used together with the attempts before it. */
class ModelCalls {
  readonly #services: WorkerServices;
  readonly #attempt: Attempt;
  #before: Usage | null;
  #usage: Usage | null;

  constructor(services: WorkerServices, attempt: Attempt, before: Usage | null) {
    this.#services = services;
    this.#attempt = attempt;
    this.#before = before;
    this.#usage = before;
  }

  /** @throws {AdapterFailure} */
  async make(id: string, request: PromptRequest): Promise<{ answer: Answer; provider: string }> {
    const { publisher, ending, limits } = this.#attempt;
    const { adapter, model } = this.#services.adapters.find(id);
    this.#before = this.#usage;
    const answer = new Answer({ publisher, model, onUsage: (usage) => this.#report(usage) });
    for await (const part of adapter.stream({ ...request, model }, ending.signal)) {
      limits.touch();
      answer.take(part);
      if (publisher.isFull()) await limits.hold(publisher.room());
      if (ending.signal.aborted || answer.isFull()) break;
    }
    return { answer, provider: adapter.provider };
  }

  succeeded(result: NonNullable<Attempt['job']['result']>): Outcome {
    return { kind: 'succeeded', result, usage: this.#usage };
  }

  failed({ error, retryAfterMs }: Failure, result: Attempt['job']['result'] = null): Outcome {
    const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
    return { kind: 'failed', error, result, usage: this.#usage, ...hint };
  }

  #report(usage: Usage): void {
    this.#usage = addUsage(this.#before, usage) ?? usage;
    this.#attempt.publisher.emit({ type: 'usage.updated', data: this.#usage });
  }
}

interface Failure {
  error: Problem;
  retryAfterMs?: number | undefined;
}

function problemOf(error: unknown, { job }: Attempt): Failure {
  if (error instanceof AdapterFailure)
    return { error: problem(error.code, error.message), retryAfterMs: error.retryAfterMs };
  const detail = error instanceof Error ? error.message : String(error);
  return { error: problem('internal', `The adapter for job ${job.id} failed unexpectedly: ${detail}`) };
}

/** Ended from outside: what was said is in the events, and is no result. */
function stopped(job: string): Failure {
  return { error: problem('provider_unavailable', `The answer for job ${job} was stopped before its end.`) };
}

function wrongOutput(job: string, fault: string, finishReason: string): Failure {
  const why =
    finishReason === 'length'
      ? 'it was cut off at its bound; raise maxOutputTokens'
      : `${fault}; simplify the schema, describe its fields, or choose another model`;
  return {
    error: problem('output_invalid', `The answer for job ${job} does not hold to its outputSchema: ${why}.`),
  };
}

function requestOf(spec: PromptSpec): PromptRequest {
  const { model, system, tools, toolChoice, outputSchema, reasoning, maxOutputTokens } = spec;
  const { temperature, stop, seed } = spec;
  return {
    model,
    messages: spec.messages ?? [{ role: 'user', content: spec.prompt ?? '' }],
    ...(system !== undefined && { system }),
    ...(tools !== undefined && { tools }),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(outputSchema !== undefined && { outputSchema }),
    ...(reasoning !== undefined && { reasoning }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(stop !== undefined && { stop }),
    ...(seed !== undefined && { seed }),
  };
}
