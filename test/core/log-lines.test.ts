import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogLines } from '../../src/core/log-lines.ts';

const at = '2026-11-22T10:00:00.000Z';
const make = () => new LogLines({ linesMax: 1000, lineCharactersMax: 80, charactersMax: 80_000 });
const texts = (log: LogLines) => log.lines.map(({ text }) => text);
/** Fragments of what programs print, whole and broken. */
const output = fc.array(
  fc.constantFrom(
    ...['a', 'word ', '\n', '\r', '\r\n', '\b', '\t', 'ü', '😀', '\x07', '\\', ';', '0', 'm'],
    ...[
      '\x1b[31m',
      '\x1b]0;title\x07',
      '\x1b]8;;http://x\x1b\\',
      '\x1b(B',
      '\x1b',
      '\x1b[',
      '\x1b]',
      '\x1bP',
    ],
  ),
  { maxLength: 60 },
);
const wholeEscape = fc.constantFrom(
  ...['\x1b[31m', '\x1b[?25l', '\x1b[1;2H', '\x1b(B', '\x1b7', '\x1bM', '\x1b]0;title\x07'],
  ...['\x1b]8;;http://x\x1b\\', '\x1bP1$r0m\x1b\\', '\x1b_app\x1b\\', '\x07', ''],
);

describe('output as lines', () => {
  it('is the same however it was cut into pieces', () => {
    fc.assert(
      fc.property(output, fc.array(fc.nat(200), { maxLength: 20 }), (parts, places) => {
        const characters = [...parts.join('')];
        const whole = make();
        whole.append('stdout', characters.join(''), at);
        const cut = make();
        const cuts = places.map((place) => place % (characters.length + 1)).sort((a, b) => a - b);
        for (const [index, from] of [0, ...cuts].entries())
          cut.append('stdout', characters.slice(from, cuts[index]).join(''), at);
        expect(texts(cut)).toEqual(texts(whole));
      }),
    );
  });

  it('is what stands between escape sequences, wherever it is cut', () => {
    const words = fc.array(fc.tuple(fc.constantFrom('one ', 'zwei ', '漢字 ', '[0m'), wholeEscape));
    fc.assert(
      fc.property(words, fc.nat(), (parts, place) => {
        const text = parts.flat().join('');
        const cut = place % (text.length + 1);
        const log = new LogLines({ linesMax: 10, lineCharactersMax: 1000, charactersMax: 1000 });
        log.append('stdout', text.slice(0, cut), at);
        log.append('stdout', text.slice(cut), at);
        expect(texts(log).join('')).toBe(parts.map(([word]) => word).join(''));
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
    log.append('stdout', '\x1b]0;title\x1b', at);
    log.append('stdout', '\\!', at);
    expect(texts(log)).toEqual(['aredlink!']);
  });

  it('goes on behind a title without an end, on the next line', () => {
    const log = make();
    log.append('stdout', 'a\x1b]0;title\nb\n', at);
    expect(texts(log)).toEqual(['a', 'b']);
  });

  it('keeps the newest lines under their numbers', () => {
    const log = new LogLines({ linesMax: 100, lineCharactersMax: 80, charactersMax: 80_000 });
    for (let line = 1; line <= 1000; line += 1) log.append('stdout', `line ${line}\n`, at);
    expect(log.lines.length).toBeLessThanOrEqual(100);
    expect(log.lines.length + log.dropped).toBe(1000);
    for (const { number, text } of log.lines) expect(text).toBe(`line ${number}`);
  });

  it('breaks a line that is longer than a page can show, and loses none of it', () => {
    const log = make();
    log.append('stdout', `${'x'.repeat(200)}\n`, at);
    expect(texts(log).map((text) => text.length)).toEqual([80, 80, 40]);
    log.append('stdout', `x${'😀'.repeat(50)}\n`, at);
    expect(texts(log).slice(3)).toEqual([`x${'😀'.repeat(39)}`, '😀'.repeat(11)]);
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

  it('shows of an open line that was dropped what still comes', () => {
    const log = new LogLines({ linesMax: 10, lineCharactersMax: 80, charactersMax: 800 });
    log.append('stderr', 'begun', at);
    for (let line = 1; line <= 20; line += 1) log.append('stdout', `line ${line}\n`, at);
    log.append('stderr', ' and ended\n', at);
    expect(log.lines.at(-1)).toEqual({ number: 22, kind: 'stderr', text: ' and ended', at });
  });
});

describe('the lines that are kept', () => {
  it('are the newest, within the bounds, under their numbers, however much was written', () => {
    const piece = fc.oneof(
      fc.constantFrom('\n', '\r', '\b', 'word', '\n\n\n', '\x1b[31m', '😀'),
      fc.nat(60).map((length) => 'x'.repeat(length)),
    );
    const write = fc.record({ to: fc.constantFrom('stdout', 'stderr', 'note'), text: piece } as const);
    const bounds = { linesMax: 12, lineCharactersMax: 20, charactersMax: 100 };
    fc.assert(
      fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
        const log = new LogLines(bounds);
        const all = new LogLines({ ...bounds, linesMax: 1e6, charactersMax: 1e6 });
        let isWhole = true;
        for (const { to, text } of writes) {
          for (const each of [log, all]) to === 'note' ? each.note(text, at) : each.append(to, text, at);
          expect(log.lines.length).toBeLessThanOrEqual(bounds.linesMax);
          expect(texts(log).join('').length).toBeLessThanOrEqual(bounds.charactersMax);
          for (const [index, { number, text: shown }] of log.lines.entries()) {
            expect(number).toBe(log.dropped + 1 + index);
            expect(shown.length).toBeLessThanOrEqual(bounds.lineCharactersMax);
          }
          isWhole &&= log.dropped === 0;
          if (isWhole) expect(log.lines).toEqual(all.lines);
        }
      }),
    );
  });

  it('go in blocks, so that a line costs the same however many are kept', () => {
    const log = new LogLines({ linesMax: 1e6, lineCharactersMax: 80, charactersMax: 10_000 });
    let drops = 0;
    for (let line = 0; line < 10_000; line += 1) {
      const before = log.dropped;
      log.append('stdout', 'ten digits\n', at);
      if (log.dropped > before) drops += 1;
    }
    expect(texts(log).join('').length).toBeGreaterThan(9000);
    expect(drops).toBeLessThan(10_000 / 40);
  });

  it('keep nothing else in memory: not the output they were cut from, nor its pieces', () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const log = new LogLines({ linesMax: 2000, lineCharactersMax: 8192, charactersMax: 1024 * 1024 });
    const before = heap();
    for (let line = 0; line < 1000; line += 1) {
      const overwritten = Buffer.alloc(64 * 1024, `${'x'.repeat(8000)}\r`).toString('latin1');
      log.append('stdout', `${overwritten}\rwhat is left at last\n`, at);
      for (let character = 0; character < 100; character += 1) log.append('stderr', 'x', at);
      log.append('stderr', '\n', at);
    }
    expect(log.lines.length).toBeGreaterThan(1500);
    expect(heap() - before).toBeLessThan(4 * 1024 * 1024);
  });
});
