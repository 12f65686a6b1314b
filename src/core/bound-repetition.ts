/**
 * Keeps a terminal of xterm.js from doing one thing more often than can be seen of it.
 *
 * Problem: it scrolls, inserts and repeats in loops as long as a program says, up to two thousand million times: twelve
 * bytes of output would take minutes and gigabytes of whatever draws them.
 * Solution: its own functions for these sequences are told no more than there are columns or rows, whichever is more;
 * nothing would look different but for a character that is repeated over several lines. The version is pinned, and a
 * test fails where they are moved.
 */
export function boundRepetition(terminal: Bounded): void {
  const { _inputHandler: handler } = (terminal as unknown as WithHandler)._core;
  for (const name of repeating) {
    const original = handler[name];
    handler[name] = (parameters) => {
      const bound = Math.max(terminal.cols, terminal.rows);
      const asked = parameters.params[0] ?? 0;
      if (asked > bound) parameters.params[0] = bound;
      return original.call(handler, parameters);
    };
  }
}

/** Of the terminal's public face. */
export interface Bounded {
  readonly cols: number;
  readonly rows: number;
}

const repeating = [
  'cursorBackwardTab',
  'cursorForwardTab',
  'deleteChars',
  'deleteColumns',
  'deleteLines',
  'eraseChars',
  'insertChars',
  'insertColumns',
  'insertLines',
  'repeatPrecedingCharacter',
  'scrollDown',
  'scrollLeft',
  'scrollRight',
  'scrollUp',
] as const;

type Handle = (parameters: { params: Int32Array }) => unknown;

interface WithHandler {
  _core: { _inputHandler: Record<(typeof repeating)[number], Handle> };
}
