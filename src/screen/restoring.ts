import type { Terminal } from '@xterm/headless';
import { hiddenStateOf } from './terminal-internals.ts';

/** What a restored terminal must be told beside its serialized form, to take what follows as the first would. */
export function restoring(terminal: Terminal): string {
  const { scrollTop, scrollBottom, charsetInUse, charsets, isCursorHidden } = hiddenStateOf(terminal);
  const { rows, modes, buffer } = terminal;
  const { cursorX, cursorY } = buffer.active;
  let text = '';
  const scrollsAll = scrollTop === 0 && scrollBottom === rows - 1;
  if (!scrollsAll) text += `\x1b[${scrollTop + 1};${scrollBottom + 1}r`;
  // Both have moved the cursor home; in origin mode rows are counted from the first that scrolls.
  if (!scrollsAll || modes.originMode)
    text += `\x1b[${cursorY + 1 - (modes.originMode ? scrollTop : 0)};${cursorX + 1}H`;
  if (charsets[0] !== 'B') text += `\x1b(${charsets[0]}`;
  if (charsets[1] !== 'B') text += `\x1b)${charsets[1]}`;
  if (charsetInUse === 1) text += '\x0e';
  if (isCursorHidden) text += '\x1b[?25l';
  return text;
}
