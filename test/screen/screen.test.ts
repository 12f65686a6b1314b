import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Screen } from '../../src/screen/screen.ts';
import { cut, flood, stream } from './streams.ts';

const size = { cols: 20, rows: 6, scrollback: 5 };
const lengthMax = 100_000;

async function screenOf(
  pieces: readonly string[],
  more: { cols?: number; rows?: number; moveMsMax?: number } = {},
): Promise<Screen> {
  const screen = new Screen({ ...size, ...more });
  for (const piece of pieces) await screen.write(piece);
  return screen;
}

async function answersTo(text: string): Promise<string[]> {
  const answers: string[] = [];
  const screen = new Screen({ ...size, onAnswer: (answer) => answers.push(answer) });
  await screen.write(text);
  return answers;
}

describe('A snapshot of a screen', () => {
  // Always the same streams: rows that were wrapped and then moved within a scroll region, and the saved cursor, are
  // not restored exactly.
  it.each([
    ['of any stream that is not wrapped', stream, 1000],
    ['of lines that are', flood, size.cols],
  ])(
    'goes on, where it is restored, as the screen itself does: %s',
    async (_, arbitrary, cols) => {
      await fc.assert(
        fc.asyncProperty(arbitrary, arbitrary, fc.nat(), async (before, after, place) => {
          const [first = '', second = ''] = cut(before + after, [place]);
          const whole = await screenOf([first, second], { cols });
          const snapshot = (await screenOf([first], { cols })).snapshot(lengthMax);
          const restored = await screenOf([snapshot?.serialized ?? '', second], { cols });
          expect(restored.read().text).toBe(whole.read().text);
          expect(restored.read().position).toEqual(whole.read().position);
        }),
        { numRuns: 500, seed: 2611 },
      );
    },
    120_000,
  );

  it('holds a sequence that was cut in two', async () => {
    const snapshot = (await screenOf(['red \x1b[3'])).snapshot(lengthMax);
    const restored = await screenOf([snapshot?.serialized ?? '', '1mword\x1b]0;ti', 'tle\x07!']);
    expect(restored.read().text.split('\n')[0]).toBe('red word!');
  });

  it('is of its size, and leaves out what has scrolled off before it is too long', async () => {
    const screen = await screenOf(['line\r\n'.repeat(100)], { cols: 33, rows: 7 });
    const long = screen.snapshot(lengthMax);
    expect(long).toMatchObject({ cols: 33, rows: 7 });
    const length = long?.serialized.length ?? 0;
    expect(screen.snapshot(length)).toEqual(long);
    expect(screen.snapshot(length - 1)?.serialized.length).toBeLessThan(length);
    expect(screen.snapshot(10)).toBeNull();
  });
});

describe('A screen', () => {
  it('reads as a person does', async () => {
    const screen = await screenOf(['one\r\ntwo\x1b[1;31m 日本\x1b[0m', '\x1b[4;3Hhere']);
    expect(screen.read()).toMatchObject({
      text: 'one\ntwo 日本\n\n  here\n\n',
      position: { x: 6, y: 3 },
    });
  });

  it.each([
    ['where the cursor is', 'ab\r\nc\x1b[6n', '\x1b[2;2R'],
    ['whether it is well', '\x1b[5n', '\x1b[0n'],
    ['what it is', '\x1b[c', '\x1b[?1;2c'],
    ['whether a mode is on', '\x1b[?2004h\x1b[?2004$p', '\x1b[?2004;1$y'],
    ['the colour of its background', '\x1b]11;?\x1b\\', '\x1b]11;rgb:0000/0000/0000\x1b\\'],
    ['the colour of its text', '\x1b]10;?\x07', '\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\'],
    ['a colour of its palette', '\x1b]4;208;?\x07', '\x1b]4;208;rgb:ffff/8787/0000\x1b\\'],
  ])('says, when asked, %s', async (_, query, answer) => {
    expect(await answersTo(query)).toEqual([answer]);
  });

  it('does not answer what sets a colour, or what no xterm answers', async () => {
    expect(
      await answersTo('\x1b]11;#123456\x07\x1b]4;1;#fff\x07\x1b]4;999;?\x07\x1b[?u\x1b]52;c;?\x07'),
    ).toEqual([]);
  });
});

describe('A program that asks for more than can be seen', () => {
  it.each(['b', 'S', 'T', 'L', 'M', '@', 'P', 'X', 'I', 'Z', ' @', ' A', "'}", "'~"])(
    'is not obeyed without end: CSI 2000000000 %s',
    async (final) => {
      const screen = await screenOf(['a line\r\nA']);
      // In pieces, between which a terminal does other things too.
      const asked = `\x1b[2000${'000'}000${final}`.repeat(20);
      const startedAt = performance.now();
      for (const piece of [asked.slice(0, 5), asked.slice(5), '\x1b[H\x1b[2JB']) await screen.write(piece);
      // One of them alone would take from ten seconds to minutes.
      expect(performance.now() - startedAt).toBeLessThan(1000);
      expect(screen.read().text.trim()).toBe('B');
    },
  );

  it('does not keep others waiting, however often it asks for what takes long', async () => {
    const screen = await screenOf([''], { cols: 1000, rows: 500 });
    let turns = 0;
    const others = setInterval(() => (turns += 1), 1);
    await screen.write('\x1b[500L'.repeat(100));
    clearInterval(others);
    expect(turns).toBeGreaterThan(10);
  });

  it('is given up at once, or after a time, by who draws it', async () => {
    const asked = '\x1b[500L'.repeat(5000);
    const bounded = await screenOf([asked], { cols: 1000, rows: 500, moveMsMax: 50 });
    expect(bounded.isGivenUp).toBe(true);
    const unbounded = await screenOf([''], { cols: 1000, rows: 500 });
    const drawn = unbounded.write(asked);
    unbounded.giveUp();
    await drawn;
    // Obeyed, each of the two would take minutes.
  }, 30_000);

  it('sees what it would have seen, up to what a line holds', async () => {
    const screen = await screenOf(['1\r\n2\r\n3\r\n4\x1b[2;1H\x1b[2L\x1b[Hx\x1b[4b']);
    expect(screen.read().text.split('\n')).toEqual(['xxxxx', '', '', '2', '3', '4']);
    const scrolled = await screenOf(['1\r\n2\r\n3\x1b[100S\x1b[Hend']);
    expect(scrolled.read().text.trim()).toBe('end');
  });
});

describe('A long string that a terminal does not draw', () => {
  it.each([']2;', 'P', '_'])(
    'is not drawn either where a screen is restored in the middle of it: ESC %s',
    async (begin) => {
      const before = `a\x1b${begin}${'T'.repeat(10_000)}`;
      const snapshot = (await screenOf([before])).snapshot(lengthMax);
      const restored = await screenOf([snapshot?.serialized ?? '', `${'T'.repeat(5000)}\x1b\\ok`]);
      expect(restored.read().text.trim()).toBe('aok');
    },
  );
});
