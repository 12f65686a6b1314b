import type { Redis } from 'ioredis';
import type { Control } from '../contract/control.ts';
import { limits } from '../contract/limits.ts';
import { keyBytesMax } from '../core/keys.ts';
import { jobKeys } from './keys.ts';
import type { SendAnswer } from './ports.ts';
import { type LogConnection, loadScript, runScript } from './redis.ts';
import { Subscriptions } from './subscriptions.ts';

/** A message as the worker reads it. `attempt` is the one that ran when it was sent. */
export interface InboxEntry {
  id: string;
  attempt: number;
  bytes: number;
  control: Control;
}

/**
 * Messages to a running job. A message is stored once (by its id), for the attempt that runs at that
 * moment; the channel only wakes the worker, which also looks by itself.
 */
export type Inbox = ReturnType<typeof createInbox>;

export function createInbox(connection: LogConnection) {
  const { redis } = connection;
  const scripts = { send: loadScript('send'), taken: loadScript('taken') };

  async function send(job: string, control: Control): Promise<SendAnswer> {
    const { state, inbox, wake } = jobKeys(job);
    const [kind, status] = await runScript(redis, scripts.send, {
      keys: [state, inbox],
      args: [
        control.message ?? '',
        JSON.stringify(control),
        inputBytes(control),
        limits.inputQueueBytesMax,
        limits.inputMessagesRemembered,
        wake,
        control.kind === 'signal' ? 'signals' : 'input',
        limits.inboxMessagesMax,
      ],
    });
    if (kind === 'IDLE') return { kind, status: JSON.parse(status ?? '"unknown"') };
    return { kind: kind as Exclude<SendAnswer['kind'], 'IDLE'> };
  }

  /** The next messages after `after` (an entry id), oldest first; none when there are no more. */
  async function read(job: string, after: string): Promise<InboxEntry[]> {
    const reply = await redis.xrange(jobKeys(job).inbox, `(${after}`, '+', 'COUNT', 64);
    return reply.map(([id, pairs]) => {
      const fields = new Map<string, string>();
      for (let index = 0; index < pairs.length; index += 2)
        fields.set(String(pairs[index]), String(pairs[index + 1]));
      return {
        id,
        attempt: Number(fields.get('a')),
        bytes: Number(fields.get('n')),
        control: JSON.parse(fields.get('b') ?? 'null') as Control, // our own `send` wrote it
      };
    });
  }

  /** Makes room: the message has reached the program. */
  async function taken(job: string, token: string, entry: InboxEntry): Promise<void> {
    const { state, inbox } = jobKeys(job);
    await runScript(redis, scripts.taken, { keys: [state, inbox], args: [token, entry.id, entry.bytes] });
  }

  return { send, read, taken };
}

/** Why a worker is woken: something is in the inbox, or the job was cancelled. */
export type WakeReason = 'inbox' | 'cancel';

/** Listens for wake-ups of the jobs a worker runs, over one connection. One may be missed while that is away. */
export type WakeListener = ReturnType<typeof createWakeListener>;

export function createWakeListener(subscriber: Redis) {
  const listeners = new Map<string, Set<(reason: WakeReason) => void>>();
  const subscriptions = new Subscriptions(subscriber);
  subscriber.on('message', (channel: string, message: string) => {
    for (const listener of listeners.get(channel) ?? []) listener(message === 'cancel' ? 'cancel' : 'inbox');
  });

  /** Calls `listener` whenever something waits for the job; the answered function stops that. */
  function listen(job: string, listener: (reason: WakeReason) => void): () => void {
    const channel = jobKeys(job).wake;
    const ofJob = listeners.get(channel) ?? new Set();
    void subscriptions.add(channel); // the worker also looks by itself
    listeners.set(channel, ofJob.add(listener));
    return () => {
      ofJob.delete(listener);
      if (ofJob.size > 0 || listeners.get(channel) !== ofJob) return;
      listeners.delete(channel);
      subscriptions.remove(channel);
    };
  }
  return { listen };
}

function inputBytes(control: Control): number {
  if (control.kind === 'keys') return control.keys.length * keyBytesMax;
  return control.kind === 'input' ? Buffer.byteLength(control.base64, 'base64') : 0;
}
