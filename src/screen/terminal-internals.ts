import type { Terminal } from '@xterm/headless';

/** State of a terminal that decides how it takes what follows, and that its serialized form leaves out. */
export interface HiddenState {
  /** Rows that scroll, counted from 0; both are the outermost where all do. */
  scrollTop: number;
  scrollBottom: number;
  /** Which of the character sets G0 and G1 is in use, and the letter of each; `B` is ASCII. */
  charsetInUse: number;
  charsets: readonly string[];
  isCursorHidden: boolean;
}

/**
 * Reads what the terminal has no public name for.
 *
 * Problem: a terminal that is restored without its scroll region draws what follows at other places.
 * Solution: its own fields, which the serialize addon reads in the same way; the version is pinned, and a test fails
 * where they move.
 */
export function hiddenStateOf(terminal: Terminal): HiddenState {
  const { _core: core } = terminal as unknown as WithCore;
  const { scrollTop, scrollBottom } = core.buffer;
  const { glevel, charset, _charsets: designated } = core._charsetService;
  // A cursor that is restored brings the set in use with it, and leaves G0 and G1 as they are.
  const charsets = [0, 1].map((index) => (index === glevel ? charset : designated[index]));
  return {
    scrollTop,
    scrollBottom,
    charsetInUse: glevel,
    charsets: charsets.map((each) => (each?.['`'] === undefined ? 'B' : '0')),
    isCursorHidden: core.coreService.isCursorHidden,
  };
}

interface WithCore {
  _core: {
    buffer: { scrollTop: number; scrollBottom: number };
    _charsetService: { glevel: number; charset: Charset; _charsets: Charset[] };
    coreService: { isCursorHidden: boolean };
  };
}

type Charset = Record<string, string> | undefined;
