/**
 * How long a provider asks us to wait, in milliseconds, 0 or more; undefined where it does not say.
 * `retry-after-ms` (OpenAI, Azure) is the more exact one; `retry-after` is seconds or a date (RFC 9110).
 */
export function readRetryAfter(headers: Headers, nowMs: number): number | undefined {
  const milliseconds = countFrom(headers.get('retry-after-ms'));
  if (milliseconds !== undefined) return Math.ceil(milliseconds);
  const text = headers.get('retry-after');
  const seconds = countFrom(text);
  if (seconds !== undefined) return Math.ceil(seconds * 1000);
  const date = Date.parse(text ?? '');
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function countFrom(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
