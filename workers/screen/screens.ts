import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { limits } from '../../src/contract/limits.ts';
import type { ScreenSnapshot } from '../../src/contract/screen.ts';
import type { TerminalSize } from '../../src/core/terminal-size.ts';
import type { ScreenReply, ScreenRequest } from './screen-messages.ts';

/** The screen of a running program. */
export interface FollowedScreen {
  write(text: string): void;
  resize(size: TerminalSize): void;
  /** How it looks after all that it was told; null where it is too large, or cannot be drawn any more. */
  snapshot(): Promise<ScreenSnapshot | null>;
  /** More waits to be drawn than should: pause the source until `room()`. */
  isFull(): boolean;
  room(): Promise<void>;
  close(): void;
}

/**
 * The screens of all programs of a worker, drawn in one thread beside it.
 *
 * Problem: drawing costs more than all else that is done with output, and would hold up every other job.
 * The thread starts with the first screen. Should it die, its programs go on without a screen, and the next program
 * gets a new thread.
 */
export class Screens {
  readonly #logger: Logger;
  #thread: ScreenThread | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `onAnswer` takes what the terminal answers to the program. */
  open(size: TerminalSize, onAnswer: (text: string) => void): FollowedScreen {
    if (this.#thread === null || this.#thread.isDead) this.#thread = new ScreenThread(this.#logger);
    return this.#thread.open(size, onAnswer);
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }
}

interface Told {
  onAnswer(text: string): void;
  undrawn: number;
  wanted: (() => void)[];
}

class ScreenThread {
  readonly #worker = new Worker(new URL('./screen-thread.ts', import.meta.url), {
    name: 'screens',
    // A flood makes garbage fast; without a bound much of it is kept before any is cleared away.
    resourceLimits: { maxYoungGenerationSizeMb: limits.screenYoungMb },
  });
  readonly #screens = new Map<number, Told>();
  readonly #replies = new Map<number, (snapshot: ScreenSnapshot | null) => void>();
  #lastId = 0;
  #isDead = false;

  constructor(logger: Logger) {
    const worker = this.#worker;
    worker.unref();
    worker.on('message', (reply: ScreenReply) => this.#take(reply));
    worker.on('error', (error) =>
      logger.error(
        { err: error },
        'the thread that draws terminals has failed; programs go on without a screen',
      ),
    );
    worker.on('exit', () => this.#die());
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  open(size: TerminalSize, onAnswer: (text: string) => void): FollowedScreen {
    const screen = this.#nextId();
    const told: Told = { onAnswer, undrawn: 0, wanted: [] };
    this.#screens.set(screen, told);
    this.#tell({ op: 'open', screen, size });
    return {
      write: (text) => {
        if (this.#isDead) return;
        told.undrawn += text.length;
        this.#tell({ op: 'write', screen, text });
      },
      resize: (to) => this.#tell({ op: 'resize', screen, size: to }),
      snapshot: () => this.#snapshot(screen),
      isFull: () => told.undrawn > limits.screenUndrawnPause,
      room: async () => {
        while (told.undrawn > limits.screenUndrawnResume)
          await new Promise<void>((resolve) => told.wanted.push(resolve));
      },
      close: () => {
        this.#tell({ op: 'close', screen });
        this.#screens.delete(screen);
        release(told);
      },
    };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #snapshot(screen: number): Promise<ScreenSnapshot | null> {
    if (this.#isDead) return Promise.resolve(null);
    const reply = this.#nextId();
    this.#tell({ op: 'snapshot', screen, reply });
    return new Promise((resolve) => this.#replies.set(reply, resolve));
  }

  #take(reply: ScreenReply): void {
    if (reply.op === 'snapshot') {
      this.#replies.get(reply.reply)?.(reply.snapshot);
      this.#replies.delete(reply.reply);
      return;
    }
    const told = this.#screens.get(reply.screen);
    if (told === undefined) return;
    if (reply.op === 'answer') told.onAnswer(reply.text);
    else {
      told.undrawn -= reply.length;
      if (told.undrawn <= limits.screenUndrawnResume) for (const wake of told.wanted.splice(0)) wake();
    }
  }

  /** Nobody waits for it any longer. */
  #die(): void {
    this.#isDead = true;
    for (const resolve of this.#replies.values()) resolve(null);
    this.#replies.clear();
    for (const told of this.#screens.values()) release(told);
    this.#screens.clear();
  }

  #tell(request: ScreenRequest): void {
    if (!this.#isDead) this.#worker.postMessage(request);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

function release(told: Told): void {
  told.undrawn = 0;
  for (const wake of told.wanted.splice(0)) wake();
}
