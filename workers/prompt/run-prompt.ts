import type { PromptSpec } from '../../src/contract/job.ts';
import { type Problem, problem } from '../../src/contract/problem.ts';
import type { PromptRequest } from '../adapter.ts';
import type { Attempt, Outcome } from '../attempt.ts';
import type { WorkerServices } from '../services.ts';
import { untilRedisAnswers } from '../until-redis-answers.ts';
import { ModelCalls } from './model-calls.ts';
import { askAgain, judgeFor } from './structured-output.ts';

/**
 * Runs a prompt: a streamed answer, every part of it an event, and a second one where the first does not hold
 * to the schema. Null: ended before it began.
 */
export async function runPrompt(
  services: WorkerServices,
  attempt: Attempt,
  spec: PromptSpec,
): Promise<Outcome | null> {
  const { job, ending, publisher } = attempt;
  const actor =
    (await untilRedisAnswers(services, () => services.records.extra(job.id, 'actor'))) ?? 'unknown';
  const calls = new ModelCalls(services, { attempt, spec, actor });
  const failed = (error: Problem, more: Partial<Pick<Failed, 'result' | 'retryAfterMs'>> = {}): Failed => {
    return { kind: 'failed', error, result: null, usage: calls.usage, ...more };
  };
  const judge = judgeFor(spec);
  let request = requestOf(spec);
  for (let isRepair = false; ; isRepair = true) {
    const asked = await calls.ask(request);
    if (asked.kind === 'over') return asked.outcome;
    if (ending.signal.aborted) return failed(stopped(job.id));
    if (asked.kind === 'failed') {
      const { error, retryAfterMs } = asked.failure;
      return failed(error, retryAfterMs === undefined ? {} : { retryAfterMs });
    }
    const result = asked.answer.result(asked.provider);
    const verdict = judge === null || result.finishReason === 'tool_calls' ? null : judge(result.text);
    if (verdict === null || 'output' in verdict)
      return { kind: 'succeeded', result: { ...result, ...verdict }, usage: calls.usage };
    if (isRepair || result.finishReason !== 'stop')
      return failed(wrongOutput(job.id, verdict.fault, result.finishReason), { result });
    const reason = `the answer does not hold to outputSchema (${verdict.fault}); the model is asked once more`;
    publisher.emit({ type: 'output.reset', data: { reason } });
    request = askAgain(requestOf(spec), { text: result.text, fault: verdict.fault });
  }
}

type Failed = Extract<Outcome, { kind: 'failed' }>;

/** Ended from outside: what was said is in the events, and is no result. */
function stopped(job: string): Problem {
  return problem('provider_unavailable', `The answer for job ${job} was stopped before its end.`);
}

function wrongOutput(job: string, fault: string, finishReason: string): Problem {
  const why =
    finishReason === 'length'
      ? 'it was cut off at its bound; raise maxOutputTokens'
      : `${fault}; simplify the schema, describe its fields, or choose another model`;
  return problem('output_invalid', `The answer for job ${job} does not hold to its outputSchema: ${why}.`);
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
