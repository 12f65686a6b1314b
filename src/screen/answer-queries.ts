import type { Terminal } from '@xterm/headless';

/**
 * Answers a program that asks for colours, as it would be by a dark terminal. Where the cursor is, what the terminal
 * is and which modes are on it answers by itself.
 */
export function answerColourQueries(terminal: Terminal, answer: (text: string) => void): void {
  for (const [code, colour] of Object.entries(colours)) {
    terminal.parser.registerOscHandler(Number(code), (data) => {
      if (data !== '?') return false;
      answer(`\x1b]${code};${colour}\x1b\\`);
      return true;
    });
  }
  terminal.parser.registerOscHandler(4, (data) => {
    const found = /^(\d{1,3});\?$/.exec(data);
    if (found === null) return false;
    const index = Number(found[1]);
    if (index > 255) return false;
    answer(`\x1b]4;${index};${rgb(colourOf(index))}\x1b\\`);
    return true;
  });
}

/** Text, background and cursor. */
const colours = { 10: 'rgb:e5e5/e5e5/e5e5', 11: 'rgb:0000/0000/0000', 12: 'rgb:e5e5/e5e5/e5e5' };

/** The palette of xterm: 16 colours, a cube of 216, and 24 greys. */
function colourOf(index: number): number[] {
  const named = ansi[index];
  if (named !== undefined) return [16, 8, 0].map((shift) => (named >> shift) & 0xff);
  if (index >= 232) return [0, 0, 0].map(() => 8 + (index - 232) * 10);
  const place = index - 16;
  return [Math.floor(place / 36), Math.floor(place / 6) % 6, place % 6].map((it) =>
    it === 0 ? 0 : 55 + it * 40,
  );
}

// biome-ignore format: two rows of eight
const ansi = [
  0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
  0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
];

function rgb(parts: readonly number[]): string {
  return `rgb:${parts.map((part) => part.toString(16).padStart(2, '0').repeat(2)).join('/')}`;
}
