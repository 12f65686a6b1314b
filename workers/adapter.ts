import type { ProblemCode } from '../src/contract/problem.ts';
import type { Message, ReasoningEffort, Tool } from '../src/contract/prompt.ts';
import type { FinishReason, ToolCall, Usage } from '../src/contract/result.ts';

/** What one model call needs. `model` is the name the provider knows, without our `provider/`. */
export interface PromptRequest {
  model: string;
  messages: Message[];
  system?: string;
  tools?: Tool[];
  /** `auto`, `none`, `required`, or the name of a tool. */
  toolChoice?: string;
  outputSchema?: Record<string, unknown>;
  reasoning?: ReasoningEffort;
  maxOutputTokens?: number;
  temperature?: number;
  stop?: string[];
  seed?: number;
}

/**
 * What a model call says, in the order it says it. `usage` may come more than once, each time with
 * the totals so far; `finish` comes exactly once and last, or the adapter throws.
 */
export type PromptPart =
  | { type: 'text-delta'; text: string }
  | { type: 'reasoning-delta'; text: string }
  | { type: 'tool-call'; call: ToolCall }
  | { type: 'usage'; usage: Usage }
  | { type: 'finish'; reason: FinishReason; model: string };

/**
 * One way to reach models. It makes the request, turns the provider's bytes into parts and classifies
 * failures. It never touches Redis, never retries and keeps no timers.
 *
 * When `signal` aborts, the socket is closed at once and the iterator ends or throws; the caller
 * ignores which.
 * @throws {AdapterFailure} and nothing else, unless there is a fault in the adapter itself.
 */
export interface PromptAdapter {
  readonly provider: string;
  /** true for the scripted stand-in that calls no model. */
  readonly demo: boolean;
  /** Model names worth listing; empty where any name is passed on. */
  readonly models: readonly string[];
  stream(request: PromptRequest, signal: AbortSignal): AsyncIterable<PromptPart>;
  /** The models the provider says it has, by its names. @throws {AdapterFailure} as a prompt would fail. */
  listModels(signal: AbortSignal): Promise<string[]>;
}

export const failureClasses = [
  'auth',
  'rate_limited',
  'overloaded',
  'invalid_request',
  'unknown_model',
  'context_too_long',
  'content_filter',
  'unavailable',
  'cut',
] as const;
export type FailureClass = (typeof failureClasses)[number];

const codes: Record<FailureClass, ProblemCode> = {
  auth: 'provider_auth',
  rate_limited: 'provider_rate_limited',
  overloaded: 'provider_overloaded',
  invalid_request: 'provider_invalid_request',
  unknown_model: 'provider_invalid_request',
  context_too_long: 'context_too_long',
  content_filter: 'provider_content_filter',
  unavailable: 'provider_unavailable',
  cut: 'provider_unavailable',
};

/** A failed model call, classified. `detail` is a sentence for a person and never holds a key. */
export class AdapterFailure extends Error {
  override readonly name = 'AdapterFailure';
  readonly failureClass: FailureClass;
  readonly code: ProblemCode;
  /** How long the provider asks us to wait; only where a later try may help. */
  readonly retryAfterMs: number | undefined;

  constructor(
    failureClass: FailureClass,
    detail: string,
    extras: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(detail, { cause: extras.cause });
    this.failureClass = failureClass;
    this.code = codes[failureClass];
    this.retryAfterMs = extras.retryAfterMs;
  }
}
