import type { ProviderFault } from './classify.ts';
import { countOf, field, itemsOf, textOf } from './foreign.ts';

/** Whether a piece of a stream that began well is in truth an error. */
export function isErrorObject(value: unknown): boolean {
  const error = field(value, 'error');
  return textOf(error) !== undefined || (typeof error === 'object' && error !== null) || isBareError(value);
}

/**
 * Reads an error body or an error inside a stream: OpenAI's `{error: {message, type, code}}`, a text
 * in its place (Ollama), the same fields without a wrapper (vLLM), `{detail}` (FastAPI), or any text.
 * Google adds a status in words and details, one of which may say when to come back (google.rpc.RetryInfo).
 * Some servers put an HTTP status into `code` (OpenRouter): it stands in where there is no other.
 */
export function readFault(
  value: unknown,
  outside: { status?: number; retryAfterMs?: number | undefined },
): ProviderFault {
  const error = field(value, 'error') ?? value;
  const code = field(error, 'code');
  const details = itemsOf(field(error, 'details'));
  const reasons = details.map((detail) => field(detail, 'reason'));
  return {
    status: outside.status ?? statusOf(code) ?? statusOf(field(error, 'status')),
    words: [code, field(error, 'type'), field(error, 'status'), ...reasons].flatMap(
      (word) => textOf(word) ?? [],
    ),
    message: messageOf(error),
    retryAfterMs: outside.retryAfterMs ?? retryDelayMs(details),
  };
}

function retryDelayMs(details: readonly unknown[]): number | undefined {
  const texts = details.flatMap((detail) => textOf(field(detail, 'retryDelay')) ?? []);
  const seconds = texts.flatMap((text) => /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1] ?? [])[0];
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}

function isBareError(value: unknown): boolean {
  return field(value, 'object') === 'error' || field(value, 'type') === 'error';
}

function statusOf(value: unknown): number | undefined {
  const status = countOf(typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value);
  return status !== undefined && status >= 400 && status <= 599 ? status : undefined;
}

function messageOf(error: unknown): string {
  const text = textOf(error);
  // A page of a proxy says nothing that its status does not.
  if (text !== undefined) return /^\s*</.test(text) ? '' : text;
  const message = field(error, 'message') ?? field(error, 'detail');
  return textOf(message) ?? (message === undefined || message === null ? '' : JSON.stringify(message));
}
