import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { boundRepetition } from '../../src/core/bound-repetition.ts';
import type { TerminalSize } from '../../src/core/terminal-size.ts';
import type { TerminalScreen } from '../state/terminal-feed.ts';
import { leaveQueriesUnanswered } from './queries.ts';
import { terminalTheme } from './theme.ts';

export interface ScreenOptions {
  place: HTMLElement;
  /** What the program has at its start. */
  size: TerminalSize;
  onText(text: string): void;
  /** Characters that stand for bytes. */
  onBinary(binary: string): void;
  /** Whether what is typed goes to the program. */
  onControl(controls: boolean): void;
  /** The window, while one controls the terminal, would have it at this size. */
  onFit(size: TerminalSize): void;
}

export interface Screen extends TerminalScreen {
  allowTyping(allowed: boolean): void;
  takeControl(): void;
  close(): void;
}

/** A window may be dragged through a hundred sizes; the program is told the one it stays at. */
const settleMs = 120;

/** Draws a terminal in `place`. The one who controls it decides its size; who looks on sees it as it is. */
export function openScreen(options: ScreenOptions): Screen {
  const { place, size, onText, onBinary, onControl, onFit } = options;
  const terminal = makeTerminal(place, size);
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  terminal.onData(onText);
  terminal.onBinary(onBinary);

  const field = terminal.textarea;
  if (field !== undefined) field.tabIndex = -1;
  let allowed = false;
  let controls = false;
  const setControls = (now: boolean) => {
    if (now === controls) return;
    controls = now;
    // Passing through with Tab must not take the program from whoever has it.
    if (field !== undefined) field.tabIndex = now ? 0 : -1;
    onControl(now);
    if (now) fitNow();
  };
  const fitNow = () => {
    const wanted = fit.proposeDimensions();
    if (!controls || !allowed || wanted === undefined || Number.isNaN(wanted.cols)) return;
    if (wanted.cols === terminal.cols && wanted.rows === terminal.rows) return;
    terminal.resize(wanted.cols, wanted.rows);
    onFit({ cols: wanted.cols, rows: wanted.rows });
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(fitNow, settleMs);
  });
  observer.observe(place);

  field?.addEventListener('focus', () => setControls(allowed));
  // A window that loses the focus comes back to where one was.
  field?.addEventListener('blur', () => setControls(controls && !document.hasFocus()));
  terminal.attachCustomKeyEventHandler((event) => {
    // What types nowhere must not hold the keyboard.
    if (event.key === 'Tab' && !allowed) return false;
    if (event.key !== 'Escape' || !event.shiftKey) return true;
    if (event.type === 'keydown') terminal.blur();
    return false;
  });

  return {
    write: (bytes, done) => terminal.write(bytes, done),
    resize: ({ cols, rows }) => {
      if (cols !== terminal.cols || rows !== terminal.rows) terminal.resize(cols, rows);
    },
    reset: () => terminal.reset(),
    allowTyping(now) {
      allowed = now;
      terminal.options.disableStdin = !now;
      setControls(now && document.activeElement === field);
    },
    takeControl: () => terminal.focus(),
    close() {
      clearTimeout(timer);
      observer.disconnect();
      terminal.dispose();
    },
  };
}

/** One that a program's output can neither make answer nor keep busy. */
function makeTerminal(place: HTMLElement, size: TerminalSize): Terminal {
  const terminal = new Terminal({
    ...size,
    scrollback: 10_000,
    fontFamily: getComputedStyle(place).fontFamily,
    fontSize: 13,
    lineHeight: 1.2,
    cursorBlink: false,
    disableStdin: true,
    minimumContrastRatio: 4.5,
    theme: terminalTheme,
    linkHandler: null,
  });
  leaveQueriesUnanswered(terminal);
  boundRepetition(terminal, {
    nowMs: () => performance.now(),
    nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
  });
  return terminal;
}
