import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogLines } from '../../src/core/log-lines.ts';

const at = '2026-11-22T10:00:00.000Z';
const make = () => new LogLines({ linesMax: 1000, charactersMax: 80 });
const texts = (log: LogLines) => log.lines.map(({ text }) => text);

describe('output as lines', () => {
  it('is the same however it was cut into pieces', () => {
    const pieces = fc.array(
      fc.constantFrom(
        'a',
        'word ',
        '\n',
        '\r',
        '\r\n',
        '\b',
        '\t',
        '\x1b[31m',
        '\x1b]0;title\x07',
        '\x1b(B',
        'ü',
        '😀',
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(pieces, fc.array(fc.nat(200), { maxLength: 20 }), (parts, cuts) => {
        const text = parts.join('');
        const whole = make();
        whole.append('stdout', text, at);
        const cut = make();
        const places = [
          0,
          ...cuts.map((place) => place % (text.length + 1)).sort((a, b) => a - b),
          text.length,
        ];
        for (const [index, from] of places.entries())
          cut.append('stdout', text.slice(from, places[index + 1]), at);
        expect(texts(cut)).toEqual(texts(whole));
      }),
    );
  });

  it('keeps the streams apart, and a line whole that the other stream broke into', () => {
    const log = make();
    log.append('stdout', 'one', at);
    log.append('stderr', 'fault\n', at);
    log.append('stdout', ' two\nthree', at);
    expect(log.lines.map(({ kind, text }) => [kind, text])).toEqual([
      ['stdout', 'one two'],
      ['stderr', 'fault'],
      ['stdout', 'three'],
    ]);
  });

  it('shows of a progress bar what stands at last', () => {
    const log = make();
    log.append('stdout', '10 %\r50 %\r', at);
    expect(texts(log)).toEqual(['50 %']);
    log.append('stdout', '100 %\r\ndone\n', at);
    expect(texts(log)).toEqual(['100 %', 'done']);
  });

  it('loses colours, titles and bells, also cut in two', () => {
    const log = make();
    log.append('stdout', 'a\x1b[1;3', at);
    log.append('stdout', '1mred\x1b[0m\x07\x1b]8;;http://x\x1b\\link', at);
    expect(texts(log)).toEqual(['aredlink']);
  });

  it('keeps the newest lines under their numbers', () => {
    const log = new LogLines({ linesMax: 100, charactersMax: 80 });
    for (let line = 1; line <= 1000; line += 1) log.append('stdout', `line ${line}\n`, at);
    expect(log.lines.length).toBeLessThanOrEqual(100);
    expect(log.lines.length + log.dropped).toBe(1000);
    for (const { number, text } of log.lines) expect(text).toBe(`line ${number}`);
  });

  it('breaks a line that is longer than a page can show, and loses none of it', () => {
    const log = make();
    log.append('stdout', `${'x'.repeat(200)}\n`, at);
    expect(texts(log).map((text) => text.length)).toEqual([80, 80, 40]);
  });

  it('goes on with its numbers when it was cleared', () => {
    const log = make();
    log.append('stdout', 'one\ntwo', at);
    log.clear();
    log.note('begun anew', at);
    log.append('stdout', 'three', at);
    expect(log.lines.map(({ number, text }) => [number, text])).toEqual([
      [3, 'begun anew'],
      [4, 'three'],
    ]);
  });
});
