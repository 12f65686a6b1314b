import serializing from '@xterm/addon-serialize';
import headless from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenSequence } from '../../src/core/open-sequence.ts';
import { Skimmer } from '../../src/screen/skim.ts';
import { cut, oddStream } from './streams.ts';

const size = { cols: 20, rows: 6, scrollback: 5 };

async function draw(pieces: readonly string[]): Promise<string> {
  const terminal = new headless.Terminal({ ...size, allowProposedApi: true });
  const serializer = new serializing.SerializeAddon();
  terminal.loadAddon(serializer);
  for (const piece of pieces) await new Promise<void>((resolve) => terminal.write(piece, resolve));
  const { cursorX, cursorY, length } = terminal.buffer.active;
  const drawn = JSON.stringify([serializer.serialize(), cursorX, cursorY, length]);
  terminal.dispose();
  return drawn;
}

function skim(pieces: readonly string[]): string[] {
  const skimmer = new Skimmer(size);
  const open = new OpenSequence();
  return pieces.map((piece) => {
    const kept = skimmer.take(piece, open.text);
    open.take(piece);
    return kept;
  });
}

describe('What is left of a flood', () => {
  it('draws the same screen as all of it', async () => {
    await fc.assert(
      fc.asyncProperty(oddStream, fc.array(fc.nat(), { maxLength: 4 }), async (text, places) => {
        const pieces = cut(text, places);
        expect(await draw(skim(pieces))).toBe(await draw(pieces));
      }),
      { numRuns: 800 },
    );
  }, 120_000);

  it('is all of it, where a sequence only looks as if the whole screen scrolled again', async () => {
    const flood = `${'z\r\n'.repeat(10)}${'x'.repeat(19)}\r\n${'short\r\n'.repeat(100)}end`;
    for (const [set, unset] of [
      ['\x1b[2;4r', '\x1b[$r'],
      ['\x1b[2;4r', '\x1b[1;6$r'],
      ['\x1b[2\n;4r', ''],
      ['\x1b[2\x7f;4r', ''],
      ['\x1b[\r2;4r', ''],
    ]) {
      const text = `${set}${unset}\x1b[5;1H${flood}`;
      expect(await draw(skim([text]))).toBe(await draw([text]));
    }
  });

  it('is little, however it is coloured', () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `\x1b[3${index % 8}mline ${index}\x1b[0m\r\n`);
    const text = lines.join('');
    expect(skim([text]).join('').length).toBeLessThan(text.length / 100);
    expect(skim([`${'y\r\n'.repeat(100_000)}`]).join('').length).toBeLessThan(100);
  });

  it('is all of what scrolls in a part of the screen, or is no plain line', () => {
    for (const begin of ['\x1b[2;4r', '\x1b[4h', '\x1b[?1049h\x1b[2;3r', '\x9b4h']) {
      const text = `${begin}${'line\r\n'.repeat(100)}`;
      expect(skim([text]).join('')).toBe(text);
    }
    for (const line of ['a\n', 'a\rb\r\n', '\x1b[Ka\r\n', '\x1b]0;t\x07a\r\n'])
      expect(skim([line.repeat(100)]).join('')).toBe(line.repeat(100));
  });

  it('takes time in proportion to its length, whatever it is', () => {
    const hostile = ['\x1b[31m', 'x\x1b', '\x1b[', '\x1b]', '\r', '\n', 'a\x1b[Hb', '\x1b[1', '\x9b', '日'];
    const millisecondsOf = (text: string) => {
      const startedAt = performance.now();
      skim([text]);
      return performance.now() - startedAt;
    };
    for (const piece of hostile) {
      const [short, long] = [20_000, 200_000].map((length) => piece.repeat(length / piece.length));
      millisecondsOf(short ?? '');
      const once = Math.max(1, millisecondsOf(short ?? ''));
      expect(millisecondsOf(long ?? '') / once).toBeLessThan(100);
    }
  });
});
