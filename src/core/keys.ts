import { nearestName } from './nearest-name.ts';

/**
 * Keys by name, as `tmux send-keys` takes them: a character stands for itself; `Enter`, `Up`, `F5` and their like are
 * named; `C-`, `M-` and `S-` before it hold Control, Alt and Shift; `^x` is `C-x`.
 */

/** @returns what is wrong with a key, as the end of a sentence; null for one that can be typed. */
export function keyFault(key: string): string | null {
  if (encode(key, false) !== null) return null;
  const nearest = nearestName(parse(key).base, names);
  const hint = nearest === null ? '' : `; did you mean ${nearest}?`;
  return `is not a key${hint} A key is one character, or one of ${names.join(' ')}, with C-, M- or S- before it`;
}

/**
 * What a terminal sends for keys, one after the other (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html).
 * What is no key sends nothing.
 * @param applicationCursor whether the program has asked for the other form of arrows, Home and End (DECCKM).
 */
export function encodeKeys(keys: readonly string[], applicationCursor: boolean): string {
  return keys.map((key) => encode(key, applicationCursor) ?? '').join('');
}

/** No key sends more bytes than this. */
export const keyBytesMax = 8;

function encode(key: string, applicationCursor: boolean): string | null {
  const { base, shift, alt, control } = parse(key);
  const lead = alt ? '\x1b' : '';
  const modifier = 1 + (shift ? 1 : 0) + (alt ? 2 : 0) + (control ? 4 : 0);
  const name = nameOf(base);
  const cursor = cursorKeys.get(name);
  if (cursor !== undefined) {
    if (modifier > 1) return `\x1b[1;${modifier}${cursor}`;
    return `\x1b${applicationCursor ? 'O' : '['}${cursor}`;
  }
  const early = functionKeys.get(name);
  if (early !== undefined) return modifier > 1 ? `\x1b[1;${modifier}${early}` : `\x1bO${early}`;
  const numbered = numberedKeys.get(name);
  if (numbered !== undefined) return `\x1b[${numbered}${modifier > 1 ? `;${modifier}` : ''}~`;
  if (name === 'btab' || (name === 'tab' && shift)) return `${lead}\x1b[Z`;
  const typed = typedKeys.get(name) ?? ([...base].length === 1 ? base : null);
  if (typed === null || (shift && typedKeys.has(name) === false)) return null;
  if (!control) return lead + typed;
  const held = withControl(typed);
  return held === null ? null : lead + held;
}

interface ParsedKey {
  base: string;
  shift: boolean;
  alt: boolean;
  control: boolean;
}

/** A key that is itself `-` or `^` has nothing behind it. */
function parse(key: string): ParsedKey {
  const found = { base: key, shift: false, alt: false, control: false };
  for (;;) {
    const [, prefix, rest] = /^([CMS]-|\^)(.+)$/su.exec(found.base) ?? [];
    if (prefix === undefined || rest === undefined) return found;
    found.base = rest;
    if (prefix === 'C-' || prefix === '^') found.control = true;
    if (prefix === 'M-') found.alt = true;
    if (prefix === 'S-') found.shift = true;
  }
}

/** Control takes a character of `@` to `_` to the place of its lower five bits; on Enter and its like it does nothing. */
function withControl(typed: string): string | null {
  if (typed === ' ') return '\0';
  if (typed === '?') return '\x7f';
  const code = typed.toUpperCase().charCodeAt(0);
  if (code >= 0x40 && code <= 0x5f && typed.length === 1) return String.fromCharCode(code & 0x1f);
  return code < 0x20 || code === 0x7f ? typed : null;
}

function nameOf(base: string): string {
  const name = base.toLowerCase();
  return otherNames.get(name) ?? name;
}

const cursorKeys = new Map(
  Object.entries({ up: 'A', down: 'B', right: 'C', left: 'D', end: 'F', home: 'H' }),
);
const functionKeys = new Map(Object.entries({ f1: 'P', f2: 'Q', f3: 'R', f4: 'S' }));
const numberedKeys = new Map(
  Object.entries({
    ic: 2,
    dc: 3,
    ppage: 5,
    npage: 6,
    f5: 15,
    f6: 17,
    f7: 18,
    f8: 19,
    f9: 20,
    f10: 21,
    f11: 23,
    f12: 24,
  }),
);
const typedKeys = new Map(
  Object.entries({ enter: '\r', escape: '\x1b', space: ' ', tab: '\t', bspace: '\x7f' }),
);
const otherNames = new Map(
  Object.entries({
    pageup: 'ppage',
    pgup: 'ppage',
    pagedown: 'npage',
    pgdn: 'npage',
    insert: 'ic',
    delete: 'dc',
    backspace: 'bspace',
    return: 'enter',
    esc: 'escape',
  }),
);

const names = [
  ...['Up', 'Down', 'Left', 'Right', 'Home', 'End', 'PageUp', 'PageDown', 'Insert', 'Delete', 'Tab', 'BTab'],
  ...['Enter', 'Escape', 'Space', 'BSpace', 'F1', 'F2', 'F3', 'F4', 'F5', 'F6', 'F7', 'F8', 'F9', 'F10'],
  ...['F11', 'F12'],
];
