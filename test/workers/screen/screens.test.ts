import { Writable } from 'node:stream';
import pino from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { Screens } from '../../../workers/screen/screens.ts';
import { until } from '../../support/until.ts';

const size = { cols: 80, rows: 24 };

function openScreens() {
  const lines: string[] = [];
  const log = new Writable({
    write(chunk, _, done) {
      lines.push(`${chunk}`);
      done();
    },
  });
  const screens = new Screens(pino(log));
  onTestFinished(() => screens.close());
  return { screens, lines };
}

it('each terminal has a screen of its own, and its own answers', async () => {
  const { screens } = openScreens();
  const answers: string[] = [];
  const [one, two] = ['one', 'two'].map((name) =>
    screens.open(size, (text) => answers.push(`${name} ${JSON.stringify(text)}`)),
  );
  one?.write('first\x1b[6n');
  two?.write('second\r\n\x1b[6n');
  expect((await one?.snapshot())?.serialized).toBe('first');
  expect((await two?.snapshot())?.serialized).toContain('second');
  expect(answers.toSorted()).toEqual(['one "\\u001b[1;6R"', 'two "\\u001b[2;1R"']);
});

it('a source waits while too much is to be drawn, and goes on when it is', async () => {
  const { screens } = openScreens();
  const screen = screens.open(size, () => {});
  for (let count = 0; count < 300; count += 1) screen.write('\x1b[Hdrawn anew '.repeat(400));
  expect(screen.isFull()).toBe(true);
  await screen.room();
  expect(screen.isFull()).toBe(false);
});

it('programs go on without a screen when the thread fails, and the next one has a screen again', async () => {
  const { screens, lines } = openScreens();
  const [faulty, other] = [0, 1].map(() => screens.open(size, () => {}));
  other?.write('x'.repeat(2_000_000));
  const noText = { length: 2_000_000 } as unknown as string;
  faulty?.write(noText);
  const rooms = Promise.all([faulty?.room(), other?.room()]);
  expect(await faulty?.snapshot()).toBeNull();
  await rooms;
  await until(() => lines.length > 0, 'the log was told');
  expect(lines.join('')).toContain('the thread that draws terminals has failed');
  other?.write('more');
  expect(await other?.snapshot()).toBeNull();
  expect(other?.isFull()).toBe(false);
  const next = screens.open(size, () => {});
  next.write('again');
  expect((await next.snapshot())?.serialized).toBe('again');
});
