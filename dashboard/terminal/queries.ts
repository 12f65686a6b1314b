import type { IFunctionIdentifier, Terminal } from '@xterm/xterm';

/** Sequences by which a program asks the terminal something: what it is, where the cursor is, which modes are on. */
const csiQueries: IFunctionIdentifier[] = [
  { final: 'c' },
  { prefix: '>', final: 'c' },
  { prefix: '=', final: 'c' },
  { prefix: '>', final: 'q' },
  { final: 'n' },
  { prefix: '?', final: 'n' },
  { intermediates: '$', final: 'p' },
  { prefix: '?', intermediates: '$', final: 'p' },
  { prefix: '?', final: 'u' },
  { final: 't' },
  { final: 'x' },
];
const dcsQueries: IFunctionIdentifier[] = [
  { intermediates: '$', final: 'q' },
  { intermediates: '+', final: 'q' },
];
/** Colours: only what asks for one, not what sets one. */
const colourQueries = [4, 10, 11, 12];

/**
 * A viewer must not answer for the terminal: with two of them the program would read the answer twice, and one
 * who looks at what was asked an hour ago would type the answer into whatever runs now.
 */
export function leaveQueriesUnanswered({ parser }: Terminal): void {
  for (const query of csiQueries) parser.registerCsiHandler(query, () => true);
  for (const query of dcsQueries) parser.registerDcsHandler(query, () => true);
  for (const code of colourQueries) parser.registerOscHandler(code, (data) => data.includes('?'));
  // The clipboard is not the program's.
  parser.registerOscHandler(52, () => true);
}
