import type { Logger } from 'pino';
import type { Prices } from '../platform/prices.ts';
import type { Seal } from '../platform/seal.ts';
import type { EventLog } from '../store/event-log.ts';
import type { Feed } from '../store/feed.ts';
import type { Inbox } from '../store/inbox.ts';
import type { JobQueue } from '../store/job-queue.ts';
import type { JobRecords } from '../store/job-records.ts';
import type { KeyWatch } from '../store/key-holders.ts';
import type { Sessions } from '../store/sessions.ts';
import type { WorkerRegistry } from '../store/worker-registry.ts';
import type { FeedHub } from './fan-out/feed-hub.ts';
import type { Hub } from './fan-out/hub.ts';
import type { OpenStreams } from './fan-out/open-streams.ts';
import type { SubscriberSources } from './fan-out/subscriber.ts';

/** Everything the routes stand on, made once by the door and handed down. */
export interface Services {
  /** Names this process in the events it appends. */
  process: string;
  logger: Logger;
  log: EventLog;
  records: JobRecords;
  queue: JobQueue;
  inbox: Inbox;
  feed: Feed;
  hub: Hub;
  /** What subscriptions read from. */
  sources: SubscriberSources;
  feedHub: FeedHub;
  workers: WorkerRegistry;
  sessions: Sessions;
  seal: Seal;
  keyWatch: KeyWatch;
  prices: () => Promise<Prices>;
  streams: OpenStreams;
  /** Aborts when the process is asked to stop: nothing new is taken, and nobody is kept waiting. */
  draining: AbortSignal;
}
