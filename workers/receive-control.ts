import type { Control } from '../src/contract/control.ts';
import type { EventDraft } from '../src/contract/event.ts';
import type { Inbox, InboxEntry, WakeListener } from '../src/store/inbox.ts';
import type { AttemptIdentity } from '../src/store/ports.ts';
import type { RunningCommand } from './terminal/terminal.ts';

export interface ControlReceiver {
  inbox: Inbox;
  wake: WakeListener;
  job: string;
  identity: AttemptIdentity;
  emit: (draft: EventDraft) => void;
}

/**
 * Hands the messages of a job's inbox to its command, in order, each when the command has room for it.
 * Only then is it said to be accepted and does it make room in the inbox. Answers a function that stops it.
 */
export function receiveControl(receiver: ControlReceiver, command: RunningCommand): () => void {
  const { inbox, wake, job, identity } = receiver;
  let stopped = false;
  let last = '0-0';
  let isLooking = false;
  let lookAgain = false;

  const look = async () => {
    lookAgain = true;
    if (isLooking) return;
    isLooking = true;
    while (lookAgain && !stopped) {
      lookAgain = false;
      await takeAll().catch(() => {}); // Redis is away; the timer looks again
    }
    isLooking = false;
  };
  const takeAll = async () => {
    for (const entry of await inbox.read(job, last)) {
      if (stopped || !(await hasRoom(command, entry, () => stopped))) return;
      if (entry.attempt === identity.attempt) apply(entry);
      last = entry.id;
      await inbox.taken(job, identity.token, entry);
    }
  };
  const apply = ({ control, bytes }: InboxEntry) => {
    const accepted = perform(command, control, bytes);
    if (accepted) receiver.emit(accepted);
  };

  const forget = wake.listen(job, look);
  const timer = setInterval(look, lookEveryMs);
  look();
  return () => {
    stopped = true;
    clearInterval(timer);
    forget();
  };
}

const lookEveryMs = 1000;
const roomPollMs = 20;

/** Waits until the command takes the whole of a message; a program that does not read holds it up. */
async function hasRoom(command: RunningCommand, entry: InboxEntry, stopped: () => boolean): Promise<boolean> {
  while (!stopped()) {
    if (command.inputRoom() >= entry.bytes) return true;
    await new Promise((resolve) => setTimeout(resolve, roomPollMs));
  }
  return false;
}

/** Does what a message says, and answers the event that tells of it; null where it could not be done. */
function perform(command: RunningCommand, control: Control, bytes: number): EventDraft | null {
  const { by } = control;
  const message = control.message === undefined ? {} : { message: control.message };
  switch (control.kind) {
    case 'input':
      if (!command.write(Buffer.from(control.base64, 'base64'))) return null;
      return { type: 'input.accepted', data: { ...message, bytes, by } };
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
