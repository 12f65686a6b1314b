import type { EventDraft } from '../src/contract/event.ts';
import { encodeKeys } from '../src/core/keys.ts';
import type { Inbox, InboxEntry, WakeListener } from '../src/store/inbox.ts';
import type { AttemptIdentity } from '../src/store/ports.ts';
import type { RunningCommand } from './terminal/terminal.ts';

export interface ControlReceiver {
  inbox: Inbox;
  wake: WakeListener;
  job: string;
  identity: AttemptIdentity;
  emit: (draft: EventDraft) => void;
  /** Whether the program has asked for the application form of the cursor keys. */
  wantsApplicationCursor: () => boolean;
}

/**
 * Hands the messages of a job's inbox to its command. Signals and sizes take effect at once; input waits
 * in order until the command has room for it, so a program that does not read holds up its input and
 * nothing else. Only what was handed over is said to be accepted and makes room in the inbox, which
 * bounds what waits here; where Redis does not hear that, it is told again until it does. Answers a
 * function that stops it.
 */
export function receiveControl(receiver: ControlReceiver, command: RunningCommand): () => void {
  const reception = new Reception(receiver, command);
  const stopListening = receiver.wake.listen(receiver.job, (reason) => {
    if (reason === 'inbox') void reception.look();
  });
  const timer = setInterval(() => void reception.look(), lookEveryMs);
  void reception.look();
  return () => {
    reception.stop();
    clearInterval(timer);
    stopListening();
  };
}

const lookEveryMs = 1000;
const roomPollMs = 20;

class Reception {
  readonly #receiver: ControlReceiver;
  readonly #command: RunningCommand;
  readonly #typed: InboxEntry[] = [];
  /** Done with, but still in the inbox, where they take the room of others. */
  readonly #untold: InboxEntry[] = [];
  #last = '0-0';
  #looking = false;
  #lookAgain = false;
  #typing = false;
  #stopped = false;

  constructor(receiver: ControlReceiver, command: RunningCommand) {
    this.#receiver = receiver;
    this.#command = command;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Reads what is new. Redis may be away; then the next look finds it. */
  async look(): Promise<void> {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false;
      await this.#tellAgain().catch(() => {});
      await this.#readAll().catch(() => {});
    }
    this.#looking = false;
  }

  async #readAll(): Promise<void> {
    const { inbox, job, identity } = this.#receiver;
    for (;;) {
      const entries = await inbox.read(job, this.#last);
      if (entries.length === 0 || this.#stopped) return;
      for (const entry of entries) {
        this.#last = entry.id;
        const { kind } = entry.control;
        if (entry.attempt !== identity.attempt) await this.#forget(entry);
        else if (kind === 'input' || kind === 'eof' || kind === 'keys') this.#typed.push(entry);
        else await this.#perform(entry);
      }
      void this.#type();
    }
  }

  /** Types what waits, as the command takes it. */
  async #type(): Promise<void> {
    if (this.#typing) return;
    this.#typing = true;
    while (!this.#stopped) {
      const [next] = this.#typed;
      if (next === undefined) break;
      if (this.#command.inputRoom() >= next.bytes) {
        this.#typed.shift();
        await this.#perform(next);
      } else {
        await new Promise((resolve) => setTimeout(resolve, roomPollMs));
      }
    }
    this.#typing = false;
  }

  async #perform(entry: InboxEntry): Promise<void> {
    const event = perform(this.#command, entry, this.#receiver.wantsApplicationCursor());
    if (event) this.#receiver.emit(event);
    await this.#forget(entry);
  }

  async #forget(entry: InboxEntry): Promise<void> {
    await this.#tell(entry).catch(() => this.#untold.push(entry));
  }

  async #tellAgain(): Promise<void> {
    for (let [next] = this.#untold; next !== undefined; [next] = this.#untold) {
      await this.#tell(next);
      this.#untold.shift();
    }
  }

  /** Makes its room free. Harmless again, where only the answer was lost. */
  #tell(entry: InboxEntry): Promise<void> {
    const { inbox, job, identity } = this.#receiver;
    return inbox.taken(job, identity.token, entry);
  }
}

/** Does what a message says, and answers the event that tells of it; null where it could not be done. */
function perform(
  command: RunningCommand,
  { control, bytes }: InboxEntry,
  applicationCursor: boolean,
): EventDraft | null {
  const { by } = control;
  const message = control.message === undefined ? {} : { message: control.message };
  switch (control.kind) {
    case 'input':
      if (!command.write(Buffer.from(control.base64, 'base64'))) return null;
      return { type: 'input.accepted', data: { ...message, bytes, by } };
    case 'keys': {
      const typed = Buffer.from(encodeKeys(control.keys, applicationCursor));
      if (!command.write(typed)) return null;
      return { type: 'input.accepted', data: { ...message, bytes: typed.length, by } };
    }
    case 'eof':
      command.endInput();
      return { type: 'input.accepted', data: { ...message, bytes: 0, by, eof: true } };
    case 'signal':
      command.signal(control.signal);
      return { type: 'input.accepted', data: { ...message, bytes: 0, by, signal: control.signal } };
    case 'resize': {
      const { cols, rows } = control;
      return command.resize(cols, rows) ? { type: 'terminal.resized', data: { cols, rows, by } } : null;
    }
  }
}
