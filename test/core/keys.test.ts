import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CursorKeyMode } from '../../src/core/cursor-key-mode.ts';
import { encodeKeys, keyBytesMax, keyFault } from '../../src/core/keys.ts';

describe('A key by name', () => {
  it.each([
    ['a', 'a'],
    ['é', 'é'],
    ['👍', '👍'],
    ['-', '-'],
    ['^', '^'],
    ['Enter', '\r'],
    ['enter', '\r'],
    ['Escape', '\x1b'],
    ['Space', ' '],
    ['Tab', '\t'],
    ['BTab', '\x1b[Z'],
    ['S-Tab', '\x1b[Z'],
    ['BSpace', '\x7f'],
    ['C-c', '\x03'],
    ['C-C', '\x03'],
    ['^d', '\x04'],
    ['C-Space', '\0'],
    ['C-\\', '\x1c'],
    ['C-[', '\x1b'],
    ['C-?', '\x7f'],
    ['M-x', '\x1bx'],
    ['C-M-a', '\x1b\x01'],
    ['M-Enter', '\x1b\r'],
    ['Up', '\x1b[A'],
    ['C-Up', '\x1b[1;5A'],
    ['S-Left', '\x1b[1;2D'],
    ['C-M-S-Right', '\x1b[1;8C'],
    ['Home', '\x1b[H'],
    ['End', '\x1b[F'],
    ['PgUp', '\x1b[5~'],
    ['NPage', '\x1b[6~'],
    ['Insert', '\x1b[2~'],
    ['DC', '\x1b[3~'],
    ['C-Delete', '\x1b[3;5~'],
    ['F1', '\x1bOP'],
    ['S-F2', '\x1b[1;2Q'],
    ['F5', '\x1b[15~'],
    ['F12', '\x1b[24~'],
  ])('%s sends what xterm sends', (key, sent) => {
    expect(keyFault(key)).toBeNull();
    expect(encodeKeys([key], false)).toBe(sent);
  });

  it('is an arrow in the form that the program asked for', () => {
    expect(encodeKeys(['Up', 'C-Up', 'Home', 'q'], true)).toBe('\x1bOA\x1b[1;5A\x1bOHq');
  });

  it.each([
    ['Entr', 'Enter'],
    ['PageUpp', 'PageUp'],
    ['C-Esacpe', 'Escape'],
  ])('%s is none, and the nearest is named', (key, name) => {
    expect(keyFault(key)).toContain(`did you mean ${name}?`);
  });

  it.each(['', 'ab', 'C-', 'C-é', 'S-a', 'F13', 'X-a', 'C-1'])('%s is none', (key) => {
    expect(keyFault(key)).toMatch(/^is not a key/);
    expect(encodeKeys([key], false)).toBe('');
  });

  it('is never longer than it is counted for', () => {
    const part = fc.constantFrom('C-', 'M-', 'S-', '^', 'Up', 'F12', 'BTab', 'Enter', 'Delete', 'a', '👍');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.boolean(), (parts, application) => {
        expect(Buffer.byteLength(encodeKeys([parts.join('')], application))).toBeLessThanOrEqual(keyBytesMax);
      }),
    );
  });
});

describe('The form of the cursor keys', () => {
  const modeAfter = (...pieces: string[]) => {
    const mode = new CursorKeyMode();
    for (const piece of pieces) mode.take(piece);
    return mode.isApplication;
  };

  it('is what the program asked for last, however it is cut', () => {
    expect(modeAfter('text')).toBe(false);
    expect(modeAfter('\x1b[?1h')).toBe(true);
    expect(modeAfter('\x1b[?1049;1;25h')).toBe(true);
    expect(modeAfter('\x1b', '[', '?', '1', 'h', 'more')).toBe(true);
    expect(modeAfter('\x1b[?1h\x1b[?1l')).toBe(false);
    expect(modeAfter('\x1b[?1h\x1b[?25l\x1b[1l')).toBe(true);
    expect(modeAfter('\x1b[?1h', '\x1bc')).toBe(false);
    expect(modeAfter('\x1b[?1h\x1b[!p')).toBe(false);
    expect(modeAfter('\x1b[?10h\x1b[?11h')).toBe(false);
  });
});
