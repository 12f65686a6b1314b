/** How long a terminal moves lines and characters about before everybody else has a turn. */
const turnMs = 10;

/**
 * Keeps a terminal of xterm.js from doing one thing more often than can be seen of it, and from keeping others waiting.
 *
 * Problem: it scrolls, inserts and repeats in loops as long as a program says, up to two thousand million times: twelve
 * bytes of output would take minutes and gigabytes of whatever draws them. Even as often as there are rows takes some
 * 50 ms in a large terminal, so a thousand bytes are seconds in which nothing else goes on.
 * Solution: its own functions for these sequences are told no more than there are columns or rows, whichever is more;
 * nothing would look different but for a character that is repeated over several lines. When they have taken
 * `turnMs` together, the parser waits, as it does for a handler that answers a promise. The version is pinned, and a
 * test fails where they are moved.
 */
export function boundRepetition(
  terminal: Bounded,
  { nowMs, nextTurn, msMax = Number.POSITIVE_INFINITY }: RepetitionOptions,
): BoundRepetition {
  const { _inputHandler: handler } = (terminal as unknown as WithHandler)._core;
  let isStopped = false;
  let takenMs = 0;
  let turnEndsMs = turnMs;
  for (const name of repeating) {
    const original = handler[name];
    handler[name] = (parameters) => {
      if (isStopped) return true;
      const bound = Math.max(terminal.cols, terminal.rows);
      const asked = parameters.params[0] ?? 0;
      if (asked > bound) parameters.params[0] = bound;
      const begun = nowMs();
      const handled = original.call(handler, parameters);
      takenMs += nowMs() - begun;
      if (takenMs > msMax) isStopped = true;
      if (takenMs < turnEndsMs) return handled;
      turnEndsMs = takenMs + turnMs;
      return nextTurn().then(() => handled);
    };
  }
  return {
    get isStopped() {
      return isStopped;
    },
    stop: () => {
      isStopped = true;
    },
  };
}

export interface RepetitionOptions {
  /** How long the terminal may take for these sequences in all; then they do nothing any more. */
  msMax?: number;
  nowMs(): number;
  /** Settles when what waited had its turn. */
  nextTurn(): Promise<void>;
}

export interface BoundRepetition {
  readonly isStopped: boolean;
  /** From now on these sequences do nothing, so what still waits is soon read. */
  stop(): void;
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
