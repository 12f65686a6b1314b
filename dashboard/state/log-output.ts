import { type ReadonlySignal, signal } from '@preact/signals';
import type { EventData, JobEvent } from '../../src/contract/event.ts';
import { type LogLine, LogLines } from '../../src/core/log-lines.ts';
import { bytesOfBase64 } from './base64.ts';

/** What a person can still scroll through, and what a page may hold: 16 to 32 MB of text, and some 10 MB for the lines. */
const bounds = { linesMax: 100_000, lineCharactersMax: 8192, charactersMax: 16 * 1024 * 1024 };

/** The lines of a command's output. `version` rises with every change of them. */
export class LogOutput {
  readonly #lines = new LogLines(bounds);
  readonly #version = signal(0);
  #isStale = false;
  /** Bytes of a character whose rest has not come yet. */
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };

  get version(): ReadonlySignal<number> {
    return this.#version;
  }

  get lines(): readonly LogLine[] {
    return this.#lines.lines;
  }

  get dropped(): number {
    return this.#lines.dropped;
  }

  /** Takes an event in; it is seen with the next `show`. */
  apply(event: JobEvent): void {
    switch (event.type) {
      case 'output.delta':
        if (event.data.stream === 'tty') return;
        this.#lines.append(event.data.stream, this.#textOf(event.data), event.at);
        break;
      case 'output.reset':
        this.#lines.clear();
        this.#lines.note(`Begun anew: ${event.data.reason}`, event.at);
        break;
      case 'output.truncated':
        this.#lines.note('The command goes on, but its further output is not kept.', event.at);
        break;
      case 'history.lost':
        this.#lines.note(
          'A restart of the storage took some output; what is shown of it is kept nowhere else.',
          event.at,
        );
        break;
      default:
        return;
    }
    this.#isStale = true;
  }

  /** Something that no event says, at this place. */
  note(text: string): void {
    this.#lines.note(text, new Date().toISOString());
    this.#isStale = true;
  }

  show(): void {
    if (this.#isStale) this.#version.value += 1;
    this.#isStale = false;
  }

  #textOf({ stream, text, base64 }: EventData<'output.delta'>): string {
    if (stream === 'tty') return '';
    if (base64 === undefined) return text ?? '';
    return this.#decoders[stream].decode(bytesOfBase64(base64), { stream: true });
  }
}
