import fc from 'fast-check';

/** What programs write to a terminal, in pieces that are each whole. */
const words = fc.constantFrom('a', 'word ', 'x'.repeat(37), 'größe', '日本', 'e\u0301', '👍', '\t', '~');
const sgr = fc.constantFrom(
  '\x1b[m',
  '\x1b[0m',
  '\x1b[31m',
  '\x1b[1;4m',
  '\x1b[48;5;22m',
  '\x1b[38:2::1:2:3m',
  '\x1b[7m',
);
const line = fc
  .array(fc.oneof({ arbitrary: words, weight: 4 }, sgr), { maxLength: 6 })
  .map((parts) => `${parts.join('')}\r\n`);
/** More lines than a small screen and its scrollback hold. */
export const flood = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 12 }))
  .map(([lines, times]) => lines.join('').repeat(times));
const moves = fc.constantFrom(
  '\r',
  '\n',
  '\b',
  '\x07',
  '\x1b[H',
  '\x1b[3;5H',
  '\x1b[2A',
  '\x1b[3B',
  '\x1b[4C',
  '\x1b[2D',
  '\x1b[J',
  '\x1b[1J',
  '\x1b[2J',
  '\x1b[K',
  '\x1b[1K',
  '\x1b[2L',
  '\x1b[2M',
  '\x1b[3P',
  '\x1b[3@',
  '\x1b[2S',
  '\x1b[2T',
  '\x1bM',
  '\x1bD',
  '\x1bE',
);
const modes = fc.constantFrom(
  '\x1b[2;4r',
  '\x1b[3r',
  '\x1b[r',
  '\x1b[1;6r',
  '\x1b[4h',
  '\x1b[4l',
  '\x1b[?7l',
  '\x1b[?7h',
  '\x1b[?6h',
  '\x1b[?6l',
  '\x1b[?1049h',
  '\x1b[?1049l',
  '\x1b[?47h',
  '\x1b[?47l',
  '\x1b[?25l',
  '\x1b[?25h',
  '\x1b[?1h',
  '\x1b[?2004h',
  '\x1b(0',
  '\x1b(B',
  '\x1b)0',
  '\x0e',
  '\x0f',
  '\x1b[!p',
  '\x1bc',
  '\x1b]0;title\x07',
  '\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\',
  '\x1bP$qm\x1b\\',
  '\x9b4h',
);

/** Forms that no program writes, of what decides how the screen scrolls, or that only look like it. */
const oddities = fc.constantFrom(
  '\x1b[$r',
  '\x1b[1;6$r',
  '\x1b[2\n;4r',
  '\x1b[2\x7f;4r',
  '\x1b[2;4\x18\x1b[r',
  '\x1b[2:3r',
  '\x1b[04h',
  '\x1b[4?l',
  '\x1b[?01049l',
  '\x1b\rc',
);

/** A stream of text, mostly lines, and the places where it may be cut. */
export const stream = streamOf(modes);
export const oddStream = streamOf(fc.oneof(modes, oddities));

function streamOf(modesOfIt: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const lines = [
    { arbitrary: line, weight: 3 },
    { arbitrary: flood, weight: 2 },
  ];
  return fc
    .array(fc.oneof(...lines, words, moves, modesOfIt), { minLength: 1, maxLength: 14 })
    .map((parts) => parts.join(''));
}

/** A text in pieces of any length, so that sequences are cut too; characters and their accents are not. */
export function cut(text: string, places: readonly number[]): string[] {
  const characters = text.match(/.\u0301?/gsu) ?? [];
  const at = [...new Set(places.map((place) => place % (characters.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => characters.slice(from, at[index] ?? characters.length).join(''));
}
