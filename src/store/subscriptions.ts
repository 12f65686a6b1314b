import type { Redis } from 'ioredis';

/**
 * Where a subscription stands. **asked**: the answer is still to come; where the connection is lost before,
 * the library sends the request again on the next. **standing**: confirmed on the connection there is.
 * **lost**: confirmed on one that is gone, or refused; it is asked for again at the next `ready`.
 */
interface Subscription {
  state: 'asked' | 'standing' | 'lost';
  answered: Promise<void>;
}

/**
 * The channels that a connection of the role `subscriber` listens to, over all its lives. At most one
 * request a channel is on its way, however often the connection breaks, and nothing here rejects: a
 * process that stops in the middle of a renewal hears of no failure.
 */
export class Subscriptions {
  readonly #redis: Redis;
  readonly #onRenewed: (channel: string) => void;
  readonly #subscriptions = new Map<string, Subscription>();

  /** `onRenewed` is called when a channel is heard again, after a time in which messages may have been missed. */
  constructor(redis: Redis, onRenewed: (channel: string) => void = () => {}) {
    this.#redis = redis;
    this.#onRenewed = onRenewed;
    redis.on('close', () => {
      for (const each of this.#subscriptions.values()) if (each.state === 'standing') each.state = 'lost';
    });
    redis.on('ready', () => this.renewLost());
  }

  /** Listens to `channel`, from when the answer settles: Redis has confirmed it, or refused. Done again it asks nothing. */
  add(channel: string): Promise<void> {
    const known = this.#subscriptions.get(channel);
    if (known !== undefined) return known.answered;
    const subscription: Subscription = { state: 'asked', answered: Promise.resolve() };
    this.#subscriptions.set(channel, subscription);
    subscription.answered = this.#ask(channel, subscription);
    return subscription.answered;
  }

  remove(channel: string): void {
    if (this.#subscriptions.delete(channel)) this.#redis.unsubscribe(channel).catch(() => {});
  }

  /** Whether Redis has confirmed it on the connection there is. */
  isStanding(channel: string): boolean {
    return this.#subscriptions.get(channel)?.state === 'standing';
  }

  /** Asks again for what is lost: on a connection that stands, for what was refused. */
  renewLost(): void {
    for (const [channel, subscription] of this.#subscriptions) {
      if (subscription.state !== 'lost') continue;
      subscription.state = 'asked';
      subscription.answered = this.#ask(channel, subscription).then(() => {
        if (this.isStanding(channel)) this.#onRenewed(channel);
      });
    }
  }

  /** Renews nothing any more. */
  close(): void {
    this.#subscriptions.clear();
  }

  async #ask(channel: string, subscription: Subscription): Promise<void> {
    try {
      await this.#redis.subscribe(channel);
      subscription.state = 'standing';
    } catch {
      subscription.state = 'lost';
    }
  }
}
