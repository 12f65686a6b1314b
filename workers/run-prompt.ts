import type { PromptSpec } from '../src/contract/job.ts';
import { limits } from '../src/contract/limits.ts';
import { problem } from '../src/contract/problem.ts';
import type { FinishReason, ToolCall, Usage } from '../src/contract/result.ts';
import { assertNever } from '../src/core/assert-never.ts';
import { AdapterFailure, type PromptPart, type PromptRequest } from './adapter.ts';
import type { Attempt, Outcome } from './attempt.ts';
import type { WorkerServices } from './services.ts';

/** Runs a prompt: one streamed model call, every part of it an event. Null: ended before it began. */
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
  const answer = new Answer(spec.model);
  try {
    const { adapter, model } = services.adapters.find(spec.model);
    for await (const part of adapter.stream(requestOf(spec, model), ending.signal)) {
      attempt.limits.touch();
      answer.take(part, attempt);
      if (publisher.isFull()) await attempt.limits.hold(publisher.room());
      if (ending.signal.aborted || answer.isFull()) break;
    }
    return ending.signal.aborted ? answer.interrupted(attempt) : answer.outcome();
  } catch (error) {
    return answer.failure(error, attempt);
  }
}

function requestOf(spec: PromptSpec, model: string): PromptRequest {
  const messages = spec.messages ?? [{ role: 'user' as const, content: spec.prompt ?? '' }];
  return {
    model,
    messages,
    ...(spec.system === undefined ? {} : { system: spec.system }),
    ...(spec.maxOutputTokens === undefined ? {} : { maxOutputTokens: spec.maxOutputTokens }),
    ...(spec.temperature === undefined ? {} : { temperature: spec.temperature }),
  };
}

/** What a model has said so far. */
class Answer {
  #model: string;
  #text = '';
  #reasoning = '';
  #toolCalls: ToolCall[] = [];
  #usage: Usage | null = null;
  #finishReason: FinishReason | null = null;

  constructor(model: string) {
    this.#model = model;
  }

  take(part: PromptPart, { publisher }: Attempt): void {
    switch (part.type) {
      case 'text-delta':
        this.#text += part.text;
        publisher.emit({ type: 'text.delta', data: { text: part.text } });
        break;
      case 'reasoning-delta':
        this.#reasoning += part.text;
        publisher.emit({ type: 'reasoning.delta', data: { text: part.text } });
        break;
      case 'tool-call':
        this.#toolCalls.push(part.call);
        publisher.emit({ type: 'tool.call', data: part.call });
        break;
      case 'usage':
        this.#usage = part.usage;
        publisher.emit({ type: 'usage.updated', data: part.usage });
        break;
      case 'finish':
        this.#finishReason = part.reason;
        this.#model = part.model;
        break;
      default:
        assertNever(part);
    }
  }

  /** Nothing more is asked for: what a model says at once is far below this. */
  isFull(): boolean {
    const full = this.#text.length + this.#reasoning.length > limits.answerLengthMax;
    if (full) this.#finishReason = 'length';
    return full;
  }

  /** Ended from outside: what was said is in the events, and is no result. */
  interrupted({ job }: Attempt): Outcome {
    const error = problem('provider_unavailable', `The answer for job ${job.id} was stopped before its end.`);
    return { kind: 'failed', error, result: null, usage: this.#usage };
  }

  outcome(): Outcome {
    const result = {
      text: this.#text,
      model: this.#model,
      finishReason: this.#finishReason ?? 'stop',
      toolCalls: this.#toolCalls,
      ...(this.#reasoning === '' ? {} : { reasoning: this.#reasoning }),
    };
    return { kind: 'succeeded', result, usage: this.#usage };
  }

  failure(error: unknown, { job }: Attempt): Outcome {
    const partial = { kind: 'failed', result: null, usage: this.#usage } as const;
    if (error instanceof AdapterFailure) {
      const hint = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
      return { ...partial, error: problem(error.code, error.message), ...hint };
    }
    const detail = error instanceof Error ? error.message : String(error);
    return {
      ...partial,
      error: problem('internal', `The adapter for job ${job.id} failed unexpectedly: ${detail}`),
    };
  }
}
