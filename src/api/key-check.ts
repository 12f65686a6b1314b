import { createHash, timingSafeEqual } from 'node:crypto';
import { ProblemError } from '../contract/problem.ts';

/** Tells the key of this service from any other text, in a time that says nothing about either. */
export interface KeyCheck {
  /** As shown in events: the id within the key, never the key. */
  actor: string;
  fits(text: string): boolean;
}

export function createKeyCheck(apiKey: string): KeyCheck {
  const expected = digest(apiKey);
  return {
    actor: `key:${/^llmx_([A-Za-z0-9]+)_/.exec(apiKey)?.[1] ?? 'configured'}`,
    fits: (text) => timingSafeEqual(digest(text), expected),
  };
}

export function wrongKey(): ProblemError {
  return new ProblemError(
    'unauthenticated',
    'This key is not valid here. The start-up message of the service names the file that holds its key.',
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
