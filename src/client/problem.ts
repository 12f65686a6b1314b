import type { Problem } from '../contract/problem.ts';
import { parseJson } from './parse-json.ts';

/** An answer of the service that is not a success. The problem says what happened and what to do. */
export class ClientProblem extends Error {
  override readonly name = 'ClientProblem';
  readonly problem: Problem;
  /** What `Retry-After` asks for, in milliseconds; undefined where the answer had none. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, retryAfterMs?: number) {
    super(problem.detail);
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Reads the problem of an unsuccessful answer; makes one up when a proxy answered in its place. */
export async function readProblem(response: Response): Promise<ClientProblem> {
  const text = await response.text().catch(() => '');
  const retryAfterMs = readRetryAfterMs(response.headers.get('retry-after'));
  const found = parseJson(text);
  return new ClientProblem(isProblem(found) ? found : standIn(response), retryAfterMs);
}

/** For a success that cannot have come from the service. */
export function notTheService(response: Response): ClientProblem {
  return new ClientProblem({
    ...notOurs,
    status: response.status,
    detail: `What ${addressOf(response)} answered is not from the service. Check the address, and any proxy before it.`,
    code: 'malformed_request',
    retryable: false,
  });
}

/** Whether asking again later makes sense, without anything being changed. */
export function mayPass({ status }: Problem): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}

/** Seconds or a date (RFC 9110). */
function readRetryAfterMs(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

export function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false;
  const fields: Partial<Record<keyof Problem, unknown>> = value;
  return (
    typeof fields.code === 'string' && typeof fields.status === 'number' && typeof fields.detail === 'string'
  );
}

function standIn(response: Response): Problem {
  const { status } = response;
  return {
    ...notOurs,
    status,
    detail: `${addressOf(response)} answered ${status} without saying why. Check the address, and any proxy before it.`,
    code: status >= 500 ? 'internal' : 'malformed_request',
    retryable: status >= 500 || status === 408 || status === 429,
  };
}

const notOurs = { type: 'about:blank', title: 'An answer that is not from the service', errors: [] };

/** Without the query, which may be private. */
function addressOf({ url }: Response): string {
  return url.split('?', 1)[0] ?? url;
}
