import type { EventDraft } from '../src/contract/event.ts';
import { limits } from '../src/contract/limits.ts';
import { weightOf } from '../src/core/coalesce.ts';
import { CursorKeyMode } from '../src/core/cursor-key-mode.ts';
import { type TextOrBase64, textOf } from '../src/platform/text-or-base64.ts';
import type { OutputPiece } from './decode-output.ts';
import type { EventPublisher } from './publish-events.ts';
import type { FollowedScreen } from './screen/screens.ts';

/**
 * What a command says and what becomes of its terminal, told to the log and, where it has one, to its screen, in the
 * same order.
 *
 * Now and then the screen is kept with the log, in the same instant as the event that it ends with. Until it is drawn
 * up to there that event and what follows wait.
 */
export class Transcript {
  readonly #publisher: EventPublisher;
  readonly #screen: FollowedScreen | null;
  readonly #cursorKeys = new CursorKeyMode();
  #sinceKeptBytes = 0;
  /** It shows what the log does not. */
  #isAheadOfLog = false;
  /** What waits for the screen, the event that it ends with first; null while nothing has to. */
  #held: EventDraft[] | null = null;
  #released = Promise.resolve();

  constructor(publisher: EventPublisher, screen: FollowedScreen | null) {
    this.#publisher = publisher;
    this.#screen = screen;
  }

  /** Whether the program has asked for the application form of the cursor keys. */
  get wantsApplicationCursor(): boolean {
    return this.#cursorKeys.isApplication;
  }

  /** Whether there is somebody to answer what the program asks its terminal. */
  get answers(): boolean {
    return this.#screen !== null;
  }

  /** Output that the log is not told of, behind what it is told. No screen is kept from there on. */
  drawOnly(piece: OutputPiece): void {
    if (this.#held !== null) void this.#released.then(() => this.drawOnly(piece));
    else if (this.#screen !== null) {
      this.#isAheadOfLog = true;
      this.#drawOutput(this.#screen, piece);
    }
  }

  emit(draft: EventDraft): void {
    if (this.#held === null) this.#tell(draft);
    else this.#held.push(draft);
  }

  /** Pause the source until `room()`. */
  isFull(): boolean {
    return this.#held !== null || this.#publisher.isFull() || (this.#screen?.isFull() ?? false);
  }

  async room(): Promise<void> {
    await this.#released;
    await this.#screen?.room();
    await this.#publisher.room();
  }

  /** Settles when everything was handed to the log. To be called last. */
  async end(): Promise<void> {
    while (this.#held !== null) await this.#released;
    this.#screen?.close();
  }

  #tell(draft: EventDraft): void {
    const screen = this.#screen;
    if (screen !== null) {
      this.#draw(screen, draft);
      this.#sinceKeptBytes += weightOf(draft);
      if (this.#sinceKeptBytes >= limits.screenEveryBytes && !this.#isAheadOfLog) {
        this.#sinceKeptBytes = 0;
        this.#held = [draft];
        this.#released = this.#keep(screen);
        return;
      }
    }
    this.#publisher.emit(draft);
  }

  #draw(screen: FollowedScreen, { type, data }: EventDraft): void {
    if (type === 'terminal.resized') screen.resize(data);
    if (type === 'output.delta') this.#drawOutput(screen, data);
  }

  #drawOutput(screen: FollowedScreen, piece: TextOrBase64): void {
    const written = textOf(piece);
    this.#cursorKeys.take(written);
    screen.write(written);
  }

  async #keep(screen: FollowedScreen): Promise<void> {
    const snapshot = await screen.snapshot();
    const [last, ...rest] = this.#held ?? [];
    this.#held = null;
    if (last !== undefined) this.#publisher.emit(last, snapshot);
    for (const draft of rest) this.emit(draft);
  }
}
