import { setImmediate } from 'node:timers/promises';
import serializing from '@xterm/addon-serialize';
import headless from '@xterm/headless';
import type { ScreenSnapshot } from '../contract/screen.ts';
import { type BoundRepetition, boundRepetition } from '../core/bound-repetition.ts';
import { OpenSequence } from '../core/open-sequence.ts';
import { answerColourQueries } from './answer-queries.ts';
import { restoring } from './restoring.ts';
import { Skimmer } from './skim.ts';

const clock = { nowMs: () => performance.now(), nextTurn: () => setImmediate() };

export interface ScreenOptions {
  cols: number;
  rows: number;
  /** Lines kept of those that have scrolled off. */
  scrollback: number;
  /** How long it may move lines and characters about in all; without end where it is absent. */
  moveMsMax?: number;
  /** Takes what the terminal answers to a program that asks it something. */
  onAnswer?: (answer: string) => void;
}

/** A snapshot with what a person reads off it. */
export interface ReadScreen extends ScreenSnapshot {
  text: string;
  position: { x: number; y: number };
}

/**
 * A terminal without a window: it is told what a program writes, and tells how its screen looks.
 *
 * What has scrolled away unseen is not drawn: see {@link Skimmer}.
 */
export class Screen {
  readonly #terminal: InstanceType<typeof headless.Terminal>;
  readonly #serializer = new serializing.SerializeAddon();
  readonly #scrollback: number;
  readonly #open = new OpenSequence();
  readonly #skimmer: Skimmer;
  readonly #repetition: BoundRepetition;

  constructor({ cols, rows, scrollback, moveMsMax, onAnswer = () => {} }: ScreenOptions) {
    this.#terminal = new headless.Terminal({
      cols,
      rows,
      scrollback,
      allowProposedApi: true,
      logLevel: 'off',
    });
    this.#repetition = boundRepetition(this.#terminal, {
      ...clock,
      ...(moveMsMax !== undefined && { msMax: moveMsMax }),
    });
    this.#terminal.loadAddon(this.#serializer);
    this.#terminal.onData(onAnswer);
    answerColourQueries(this.#terminal, onAnswer);
    this.#scrollback = scrollback;
    this.#skimmer = new Skimmer({ rows, scrollback });
  }

  /** Settles when all of it is drawn. The more text comes at once, the more of it can be passed over. */
  async write(text: string): Promise<void> {
    const skimmed = this.#skimmer.take(text, this.#open.text);
    this.#open.take(text);
    await new Promise<void>((resolve) => this.#terminal.write(skimmed, resolve));
  }

  resize({ cols, rows }: { cols: number; rows: number }): void {
    this.#terminal.resize(cols, rows);
    this.#skimmer.resize(rows);
  }

  /** How it looks, to be restored elsewhere; null where that is longer than `lengthMax`. */
  snapshot(lengthMax: number): ScreenSnapshot | null {
    const { cols, rows } = this.#terminal;
    for (const scrollback of [this.#scrollback, 0]) {
      const serialized = this.#serialized(scrollback);
      if (serialized.length <= lengthMax) return { cols, rows, serialized };
    }
    return null;
  }

  /** How it looks, also to a person. */
  read(): ReadScreen {
    const { cols, rows, buffer } = this.#terminal;
    const { baseY, cursorX, cursorY } = buffer.active;
    const lines = Array.from(
      { length: rows },
      (_, row) => buffer.active.getLine(baseY + row)?.translateToString(true) ?? '',
    );
    return {
      cols,
      rows,
      serialized: this.#serialized(this.#scrollback),
      text: lines.join('\n'),
      position: { x: cursorX, y: cursorY },
    };
  }

  /** Whether it has given up, or has moved things about for too long: it is not what the program drew. */
  get isGivenUp(): boolean {
    return this.#repetition.isStopped;
  }

  /** Gives up on what costs time: what is still to be drawn comes out wrong, and soon. */
  giveUp(): void {
    this.#repetition.stop();
  }

  close(): void {
    this.#terminal.dispose();
  }

  #serialized(scrollback: number): string {
    return this.#serializer.serialize({ scrollback }) + restoring(this.#terminal) + this.#open.text;
  }
}
