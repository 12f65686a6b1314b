import type { JobEvent } from '../contract/event.ts';
import type { CommandSpec } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import type { Screen as ScreenAnswer } from '../contract/screen.ts';
import { formatCursor } from '../core/cursor.ts';
import { type TerminalSize, terminalSizeOf } from '../core/terminal-size.ts';
import { textOf } from '../platform/text-or-base64.ts';
import { Screen } from '../screen/screen.ts';
import type { LogEntry, LogPage } from '../store/ports.ts';
import { Gate } from './fan-out/gate.ts';
import { SharedReads } from './fan-out/shared-reads.ts';
import { requireJob } from './require-job.ts';
import type { Services } from './services.ts';

/**
 * Draws the terminals of jobs from what is kept of them: the last screen that was stored, and the events since then.
 * So it is exact as of its cursor, also when the worker or its machine is gone. Requests for the same job at the
 * same time are answered by one drawing.
 */
export class ScreenReader {
  readonly #services: Pick<Services, 'log' | 'records'>;
  readonly #drawings = new SharedReads<ScreenAnswer>(new Gate(limits.screensAtOnceMax));
  /** The newest that were drawn, for who looks again and again at what does not change; oldest first. */
  readonly #drawn = new Map<string, ScreenAnswer>();

  constructor(services: Pick<Services, 'log' | 'records'>) {
    this.#services = services;
  }

  /** @throws {ProblemError} `job_not_found`, `no_screen`. */
  async read(job: string): Promise<ScreenAnswer> {
    const drawn = await this.#drawings.share(job, () => this.#draw(job));
    if (drawn === null) throw noScreen(job, 'was not drawn'); // the gate gives up on no one
    return drawn;
  }

  async #draw(id: string): Promise<ScreenAnswer> {
    const { spec, cursor } = await requireJob(this.#services, id);
    if (spec.type !== 'command' || spec.interactive !== true)
      throw noScreen(id, 'runs without a terminal; `interactive: true` gives a command one');
    const drawn = this.#drawn.get(id);
    return drawn?.cursor === cursor ? drawn : this.#drawAnew(id, spec);
  }

  async #drawAnew(id: string, spec: CommandSpec): Promise<ScreenAnswer> {
    const stored = await this.#services.log.screen(id);
    const drawing = new Drawing(spec);
    try {
      if (stored !== null) await drawing.restore(stored);
      // In another epoch the log may be another, so all is drawn anew.
      let epoch = stored?.epoch;
      for (let after = stored?.seq ?? 0; ; ) {
        const page = await this.#services.log.read(id, after, pageEvents);
        if (page === null) throw noScreen(id, 'was removed meanwhile');
        epoch ??= page.epoch;
        if (page.epoch !== epoch) return this.#drawAnew(id, spec);
        await drawing.take(page, after);
        after = page.entries.at(-1)?.seq ?? after;
        if (after >= page.seq)
          return this.#remember(id, drawing.answer(id, { epoch: page.epoch, seq: after }));
      }
    } finally {
      drawing.close();
    }
  }

  #remember(id: string, answer: ScreenAnswer): ScreenAnswer {
    this.#drawn.delete(id);
    this.#drawn.set(id, answer);
    const [oldest] = this.#drawn.keys();
    if (this.#drawn.size > limits.screensKept && oldest !== undefined) this.#drawn.delete(oldest);
    return answer;
  }
}

const pageEvents = 500;
const moveSeconds = limits.screenMoveMsMax / 1000;

/** A screen on its way to the newest event. */
class Drawing {
  readonly #spec: CommandSpec;
  #screen: Screen;
  #hasTerminal = false;
  #isWhole = true;

  constructor(spec: CommandSpec) {
    this.#spec = spec;
    this.#screen = blankScreen(terminalSizeOf(spec));
  }

  async restore(stored: { cols: number; rows: number; serialized: string }): Promise<void> {
    this.#renew(stored);
    await this.#screen.write(stored.serialized);
    this.#hasTerminal = true;
  }

  /** Draws a page of the log behind `after`. Text in a row is drawn as one, so that what nobody sees is passed over. */
  async take({ min, entries }: LogPage, after: number): Promise<void> {
    if (min > after + 1) this.#isWhole = false;
    let text = '';
    const draw = async () => {
      await this.#screen.write(text);
      text = '';
    };
    for (const event of entries.filter(concernsScreens).map(eventOf)) {
      if (lacksOutput(event)) this.#isWhole = false;
      if (event.type === 'output.delta') text += textOf(event.data);
      else {
        await draw();
        this.#apply(event);
      }
    }
    await draw();
  }

  answer(job: string, position: { epoch: number; seq: number }): ScreenAnswer {
    if (this.#screen.isGivenUp)
      throw noScreen(job, `moves its lines about so much that drawing it took more than ${moveSeconds} s`);
    if (!this.#hasTerminal)
      throw noScreen(job, 'has not started in a terminal; read its events to hear when it does');
    return { ...this.#screen.read(), cursor: formatCursor(position), whole: this.#isWhole };
  }

  close(): void {
    this.#screen.close();
  }

  #apply(event: JobEvent): void {
    if (event.type === 'terminal.resized') this.#screen.resize(event.data);
    if (event.type !== 'job.started') return;
    this.#renew(terminalSizeOf(this.#spec));
    this.#isWhole = true;
    this.#hasTerminal = event.data.terminal !== undefined && event.data.terminal !== 'pipe';
  }

  #renew(size: TerminalSize): void {
    this.#screen.close();
    this.#screen = blankScreen(size);
  }
}

function blankScreen({ cols, rows }: TerminalSize): Screen {
  const { screenScrollback: scrollback, screenMoveMsMax: moveMsMax } = limits;
  return new Screen({ cols, rows, scrollback, moveMsMax });
}

function concernsScreens({ type }: LogEntry): boolean {
  return screenTypes.has(type);
}

const screenTypes = new Set([
  'output.delta',
  'terminal.resized',
  'job.started',
  'output.truncated',
  'history.lost',
]);

function lacksOutput({ type }: JobEvent): boolean {
  return type === 'output.truncated' || type === 'history.lost';
}

function eventOf({ payload }: LogEntry): JobEvent {
  return JSON.parse(payload);
}

function noScreen(job: string, why: string): ProblemError {
  return new ProblemError('no_screen', `Job ${job} ${why}.`);
}
