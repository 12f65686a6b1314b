import type { Redis } from 'ioredis';
import { limits } from '../../contract/limits.ts';
import type { Position } from '../../core/cursor.ts';
import { parseAnnouncement } from '../../store/event-log.ts';
import { jobKeys } from '../../store/keys.ts';
import { isRedisAway } from '../../store/redis.ts';
import { Subscriptions } from '../../store/subscriptions.ts';
import { Frames } from './frames.ts';

/** Fresh events of one job, encoded once for all who hear of them. */
export interface Arrival {
  frames: Frames;
  bytes: number;
}

export interface HubListener {
  onArrival(arrival: Arrival): void;
  /** Something may have been missed: compare with the log. */
  onDoubt(): void;
}

export interface Attachment {
  /** Settles once Redis has confirmed the subscription; from then on nothing is missed in silence. */
  readonly subscribed: Promise<void>;
  /** Done again it changes nothing. */
  detach(): void;
}

type PositionOf = (job: string) => Promise<Position | null>;

interface Channel {
  readonly name: string;
  readonly job: string;
  readonly listeners: Set<HubListener>;
  heard: Position | null;
  /** Arrivals since the last look at the log. */
  active: boolean;
  behindBefore: boolean;
  linger: NodeJS.Timeout | undefined;
}

/**
 * One Redis subscription a job a process, shared by all its subscribers.
 *
 * Pub/sub has no memory, so the hub promises only this: after `subscribed`, each announcement is passed
 * on, or `onDoubt` is called. Doubt arises when the connection was away, and when a look at the log
 * finds a quiet job further than we have heard, or cannot find it; the second time in a row the connection itself is
 * suspected and made anew (a subscriber left on a demoted master looks healthy for ever).
 */
export class Hub {
  readonly #subscriber: Redis;
  readonly #subscriptions: Subscriptions;
  readonly #positionOf: PositionOf;
  readonly #channels = new Map<string, Channel>();
  #checking: NodeJS.Timeout | undefined;

  constructor(subscriber: Redis, positionOf: PositionOf) {
    this.#subscriber = subscriber;
    this.#positionOf = positionOf;
    this.#subscriptions = new Subscriptions(subscriber, (name) => {
      const channel = this.#channels.get(name);
      if (channel) doubt(channel);
    });
    subscriber.on('message', (name: string, message: string) => {
      const channel = this.#channels.get(name);
      if (channel) announce(channel, message);
    });
    this.#checkLater();
  }

  attach(job: string, listener: HubListener): Attachment {
    const name = jobKeys(job).announcements;
    const channel = this.#channels.get(name) ?? this.#open(name, job);
    clearTimeout(channel.linger);
    channel.listeners.add(listener);
    return {
      subscribed: this.#subscriptions.add(name),
      detach: () => {
        const wasThere = channel.listeners.delete(listener);
        if (wasThere && channel.listeners.size === 0) this.#leaveLater(channel);
      },
    };
  }

  #open(name: string, job: string): Channel {
    const channel: Channel = {
      name,
      job,
      listeners: new Set(),
      heard: null,
      active: false,
      behindBefore: false,
      linger: undefined,
    };
    this.#channels.set(name, channel);
    return channel;
  }

  #leaveLater(channel: Channel): void {
    clearTimeout(channel.linger);
    channel.linger = setTimeout(() => {
      this.#channels.delete(channel.name);
      this.#subscriptions.remove(channel.name);
    }, limits.hubLingerMs);
    channel.linger.unref();
  }

  /** One round after the other: while Redis hangs a round may take long. */
  #checkLater(): void {
    this.#checking = setTimeout(async () => {
      await this.#checkQuietChannels();
      if (this.#checking !== undefined) this.#checkLater();
    }, limits.hubCheckMs);
    this.#checking.unref();
  }

  async #checkQuietChannels(): Promise<void> {
    const quiet = [...this.#channels.values()].filter(
      ({ active, listeners }) => !active && listeners.size > 0,
    );
    for (const channel of this.#channels.values()) channel.active = false;
    this.#subscriptions.renewLost();
    let isDeaf = false;
    for (let from = 0; from < quiet.length; from += limits.hubChecksAtOnce) {
      const some = quiet.slice(from, from + limits.hubChecksAtOnce);
      const looks = await Promise.allSettled(some.map(({ job }) => this.#positionOf(job)));
      // Everything is doubted when Redis is back.
      if (looks.some((look) => look.status === 'rejected' && isRedisAway(look.reason))) return;
      for (const [index, look] of looks.entries()) {
        const channel = some[index];
        if (channel === undefined) continue;
        if (look.status === 'rejected')
          doubt(channel); // whoever reads it is told why it cannot be read
        else if (compare(channel, look.value) === 'behind again') isDeaf = true;
      }
    }
    if (isDeaf) this.#subscriber.disconnect(true);
  }

  close(): void {
    clearTimeout(this.#checking);
    this.#checking = undefined;
    for (const { linger } of this.#channels.values()) clearTimeout(linger);
    this.#channels.clear();
    this.#subscriptions.close();
  }
}

function announce(channel: Channel, message: string): void {
  const { epoch, entries } = parseAnnouncement(message);
  const last = entries.at(-1);
  if (!last) return;
  channel.heard = { epoch, seq: last.seq };
  channel.active = true;
  channel.behindBefore = false;
  const arrival = { frames: new Frames(epoch, entries), bytes: message.length };
  for (const listener of channel.listeners) listener.onArrival(arrival);
}

/** Compares what was heard of a quiet job with where its log is, and raises doubt where they differ. */
function compare(channel: Channel, position: Position | null): 'level' | 'behind' | 'behind again' {
  const { heard } = channel;
  if (channel.active) return 'level'; // the news came meanwhile
  if (position !== null && heard?.epoch === position.epoch && heard.seq === position.seq) return 'level';
  const again = heard !== null && channel.behindBefore;
  channel.behindBefore = heard !== null;
  channel.heard = position;
  doubt(channel);
  return again ? 'behind again' : 'behind';
}

function doubt(channel: Channel): void {
  for (const listener of channel.listeners) listener.onDoubt();
}
