import { ProblemError } from '../contract/problem.ts';
import { type Position, parseCursor } from '../core/cursor.ts';

/**
 * Reads the cursor a client sent.
 * @throws ProblemError invalid_cursor
 */
export function parsePosition(text: string): Position {
  const position = parseCursor(text);
  if (position !== null) return position;
  throw new ProblemError(
    'invalid_cursor',
    `${JSON.stringify(text.slice(0, 64))} is not a cursor. Use the id of an event, such as 1763805600123-42, or none to begin at the start.`,
  );
}
