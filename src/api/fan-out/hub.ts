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
  /** Where the log was when it was last heard of, or looked at. */
  heard: Position | null;
  /** The subscription stood at that time: where the log leaves `heard` in silence, something was missed. */
  isFollowed: boolean;
  /** Arrivals since the last look at the log. */
  active: boolean;
  linger: NodeJS.Timeout | undefined;
}

/**
 * One Redis subscription a job a process, shared by all its subscribers.
 *
 * Pub/sub has no memory, so the hub promises only this: after `subscribed`, each announcement is passed
 * on, or `onDoubt` is called. Doubt arises when the connection was away, and when a look at the log
 * finds a quiet job elsewhere than we have heard, or cannot find it.
 *
 * A connection may be deaf though it looks healthy (a subscriber left on a demoted master). It is suspected,
 * and made anew, when two looks have found that a log went on in silence and nothing at all was heard since
 * the first of them, of any job, until the look after the second: news may be on their way. Only hearing
 * clears it. A look that finds nothing missed does not, because after a doubt we know where the log is
 * without having heard it, and a deaf connection to a quiet job looks just so. What a lost connection
 * missed says nothing of the next, so each begins unsuspected.
 */
export class Hub {
  readonly #subscriber: Redis;
  readonly #subscriptions: Subscriptions;
  readonly #positionOf: PositionOf;
  readonly #channels = new Map<string, Channel>();
  #look = 0;
  /** The looks that have found something missed, while nothing was heard since. */
  readonly #missedIn = new Set<number>();
  #checking: NodeJS.Timeout | undefined;

  constructor(subscriber: Redis, positionOf: PositionOf) {
    this.#subscriber = subscriber;
    this.#positionOf = positionOf;
    this.#subscriptions = new Subscriptions(subscriber, (name) => {
      const channel = this.#channels.get(name);
      if (!channel) return;
      channel.isFollowed = false;
      doubt(channel);
    });
    subscriber.on('message', (name: string, message: string) => {
      this.#missedIn.clear();
      const channel = this.#channels.get(name);
      if (channel) announce(channel, message);
    });
    subscriber.on('ready', () => this.#missedIn.clear());
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
      isFollowed: false,
      active: false,
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
    this.#look += 1;
    if (this.#missedIn.size > 1) {
      this.#missedIn.clear(); // until the next connection is there
      this.#subscriber.disconnect(true);
    }
    this.#subscriptions.renewLost();
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
        else this.#compare(channel, look.value);
      }
    }
  }

  /** Compares what was heard of a quiet job with where its log is, and raises doubt where they differ. */
  #compare(channel: Channel, position: Position | null): void {
    if (channel.active) return; // the news came meanwhile
    const { heard, isFollowed } = channel;
    const isStanding = this.#subscriptions.isStanding(channel.name);
    channel.heard = position;
    channel.isFollowed = isStanding;
    if (position !== null && heard?.epoch === position.epoch && heard.seq === position.seq) return;
    // A job that is gone went without a word.
    if (isStanding && isFollowed && heard !== null && position !== null) this.#missedIn.add(this.#look);
    doubt(channel);
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
  channel.isFollowed = true;
  channel.active = true;
  const arrival = { frames: new Frames(epoch, entries), bytes: message.length };
  for (const listener of channel.listeners) listener.onArrival(arrival);
}

function doubt(channel: Channel): void {
  for (const listener of channel.listeners) listener.onDoubt();
}
