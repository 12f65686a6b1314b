import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mask, Redactor, redact, secretPatterns } from '../../src/platform/redact.ts';
import { secretForms } from '../../src/platform/secret-forms.ts';

function redactorOf(...secrets: string[]): Redactor {
  const patterns = secretPatterns(secrets);
  if (patterns === null) throw new TypeError('nothing to look for');
  return new Redactor(patterns);
}

function redactIn(pieces: readonly Buffer[], secrets: readonly string[]): string {
  const redactor = redactorOf(...secrets);
  return Buffer.concat([...pieces.map((piece) => redactor.take(piece)), redactor.flush()]).toString('latin1');
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

/** As it should be, in the plainest way. */
function maskRuns(bytes: Buffer, secrets: readonly string[]): string {
  const places: { start: number; end: number }[] = [];
  for (const form of secrets.flatMap(secretForms))
    for (let start = bytes.indexOf(form); start !== -1; start = bytes.indexOf(form, start + 1))
      places.push({ start, end: start + form.length });
  places.sort((a, b) => a.start - b.start);
  const runs: { start: number; end: number }[] = [];
  for (const { start, end } of places) {
    const last = runs.at(-1);
    if (last !== undefined && start < last.end) last.end = Math.max(last.end, end);
    else runs.push({ start, end });
  }
  let [left, from] = ['', 0];
  for (const { start, end } of runs) {
    left += bytes.toString('latin1', from, start) + mask.toString();
    from = end;
  }
  return left + bytes.toString('latin1', from);
}

/** Few letters, so that secrets begin, repeat and overlap by chance. */
const secret = fc.string({ unit: fc.constantFrom('a', 'b', 'ab', '"'), minLength: 6, maxLength: 10 });
const text = fc
  .array(fc.oneof(fc.constantFrom('a', 'b', '"', ' ', '\n'), fc.constant('S'), fc.constant('B')), {
    maxLength: 60,
  })
  .chain((parts) => fc.tuple(fc.constant(parts), fc.array(secret, { minLength: 1, maxLength: 3 })))
  .map(([parts, secrets]) => ({
    secrets,
    bytes: Buffer.from(
      parts
        .map((part) => {
          if (part === 'S') return secrets[0] ?? '';
          return part === 'B' ? Buffer.from(`x${secrets.at(-1)}y`).toString('base64') : part;
        })
        .join(''),
    ),
  }));

describe('What a stream carries of secrets', () => {
  it('is masked in the same way however it is cut', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), ({ bytes, secrets }, places) => {
        expect(redactIn(cut(bytes, places), secrets)).toBe(redactIn([bytes], secrets));
      }),
      { numRuns: 3000 },
    );
  });

  it('is nothing, in any form', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), ({ bytes, secrets }, places) => {
        const left = redactIn(cut(bytes, places), secrets).split(mask.toString());
        for (const form of secrets.flatMap(secretForms))
          for (const part of left) expect(part).not.toContain(form.toString('latin1'));
      }),
      { numRuns: 2000 },
    );
  });

  it('gets one mask for each run that secrets cover, also where they overlap', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), ({ bytes, secrets }, places) => {
        expect(redactIn(cut(bytes, places), secrets)).toBe(maskRuns(bytes, secrets));
      }),
      { numRuns: 3000 },
    );
    expect(redact(secretPatterns(['abcdefgh', 'efghijklm']), 'x abcdefghijklm y')).toBe('x [secret] y');
    expect(redact(secretPatterns(['abcabcab']), 'abcabcabcabcab')).toBe('[secret]');
  });

  it('is all of a text that has none', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(), { maxLength: 4 }),
        (array, places) => {
          const bytes = Buffer.from(array);
          expect(redactIn(cut(bytes, places), ['a-long-password'])).toBe(bytes.toString('latin1'));
        },
      ),
    );
  });

  it.each([
    ['itself', 'pass: tr0ub4dor&3\n'],
    ['in base64', Buffer.from('tr0ub4dor&3').toString('base64').slice(0, 14)],
    ['in base64, behind something', Buffer.from('user:tr0ub4dor&3!').toString('base64')],
    ['in base64, behind two', Buffer.from('ab tr0ub4dor&3 and more').toString('base64url')],
    ['in hex', Buffer.from('tr0ub4dor&3').toString('hex')],
    ['in capital hex', Buffer.from('tr0ub4dor&3').toString('hex').toUpperCase()],
    ['in an address', `https://x/?p=${encodeURIComponent('tr0ub4dor&3')}`],
  ])('is masked %s', (_, written) => {
    const left = redact(secretPatterns(['tr0ub4dor&3']), written);
    expect(left).toContain('[secret]');
    expect(left).not.toContain('ub4dor');
    for (const form of secretForms('tr0ub4dor&3')) expect(left).not.toContain(form.toString());
  });

  it('is masked in JSON, with what must be escaped there', () => {
    const difficult = 'quote"back\\slash\n';
    expect(redact(secretPatterns([difficult]), JSON.stringify({ p: difficult }))).toBe('{"p":"[secret]"}');
  });

  it.each([
    ['JSON without foreign letters, as Python writes it', 'pässwörd123', '"p\\u00e4ssw\\u00f6rd123"'],
    ['JSON that may stand in a page, as Go writes it', 'a<b>&secret', '"a\\u003cb\\u003e\\u0026secret"'],
    ['an address with all marks encoded', 'p@ss!word*(1)', '?p=p%40ss%21word%2A%281%29'],
    ['an address with its slashes', 'p@ss/word', '?p=p%40ss/word'],
    ['an address with small digits', 'a+b/c==secret', '?p=a%2bb%2fc%3d%3dsecret'],
    ['itself without its line end', 'hunter2-hunter2\n', '<hunter2-hunter2>'],
    [
      'lines of base64',
      'k'.repeat(70),
      Buffer.from('k'.repeat(70))
        .toString('base64')
        .replace(/(.{76})/, '$1\n'),
    ],
    [
      'short lines of base64',
      'k'.repeat(70),
      Buffer.from('k'.repeat(70))
        .toString('base64')
        .replace(/(.{64})/, '$1\n'),
    ],
  ])('is masked as %s', (_, secret, written) => {
    const masked = redact(secretPatterns([secret]), written);
    expect(masked).toContain('[secret]');
    expect(masked.length).toBeLessThan(20);
  });

  it('is masked over several lines, also as a terminal writes them', () => {
    const key = '-----BEGIN KEY-----\nabcdef\n-----END KEY-----';
    const written = `${key}|${key.replaceAll('\n', '\r\n')}`;
    expect(redact(secretPatterns([key]), written)).toBe('[secret]|[secret]');
  });

  it('is left alone where it is shorter than six bytes', () => {
    expect(secretPatterns(['short', ''])).toBeNull();
    expect(redact(secretPatterns(['short', 'longer-one']), 'short longer-one')).toBe('short [secret]');
  });
});

describe('The beginning of a secret', () => {
  it('is held back until it is one, or is not', () => {
    const redactor = redactorOf('password1');
    expect(redactor.take(Buffer.from('x passw')).toString()).toBe('x ');
    expect(redactor.holds).toBe(true);
    expect(redactor.take(Buffer.from('ord2')).toString()).toBe('password2');
    expect(redactor.holds).toBe(false);
  });

  it('that was let go in the meantime has its rest masked', () => {
    const redactor = redactorOf('password1');
    expect(redactor.take(Buffer.from('x passw')).toString()).toBe('x ');
    expect(redactor.flush().toString()).toBe('passw');
    expect(redactor.holds).toBe(false);
    expect(redactor.take(Buffer.from('ord1 y')).toString()).toBe('[secret] y');
  });

  it('that is itself a shorter secret is masked when it is let go', () => {
    const redactor = redactorOf('secret', 'secret-and-more');
    expect(redactor.take(Buffer.from('secret')).toString()).toBe('');
    expect(redactor.flush().toString()).toBe('[secret]');
  });
});
