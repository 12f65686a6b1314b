import type { Logger } from 'pino';
import type { KnownSecrets } from '../src/platform/known-secrets.ts';
import type { Prices } from '../src/platform/prices.ts';
import type { Seal } from '../src/platform/seal.ts';
import type { EventLog } from '../src/store/event-log.ts';
import type { Feed } from '../src/store/feed.ts';
import type { Inbox, WakeListener } from '../src/store/inbox.ts';
import type { JobRecords } from '../src/store/job-records.ts';
import type { Adapters } from './adapters/registry.ts';
import type { ModelCatalog } from './model-catalog.ts';
import type { HeldPermits } from './prompt/held-permits.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { Screens } from './screen/screens.ts';
import type { Isolation } from './terminal/chain/isolation.ts';
import type { TerminalTools } from './terminal/terminal-tools.ts';

/** Everything an attempt stands on, made once by the door and handed down. */
export interface WorkerServices {
  /** Names this worker to people and in Redis. */
  id: string;
  logger: Logger;
  log: EventLog;
  records: JobRecords;
  inbox: Inbox;
  wake: WakeListener;
  feed: Feed;
  seal: Seal;
  adapters: Adapters;
  models: ModelCatalog;
  prices: () => Promise<Prices>;
  permits: HeldPermits;
  /** What the configuration says of calls of a provider. */
  callRules: (provider: string) => { slotsMax: number; dailyBudgetUsd: number | null };
  terminals: TerminalTools;
  screens: Screens;
  /** Tells the processes of this worker's jobs from all others, also after its death. */
  mark: string;
  isolation: Isolation;
  /** Absolute folder of the workspaces of jobs. */
  workspacesDir: string;
  /** Names that folder to whoever looks for a file in it. */
  place: string;
  workRoots: readonly string[];
  /** The environment of this process, from which commands get the harmless part. */
  environment: Readonly<Record<string, string | undefined>>;
  /** What the service itself must not give away: its key, those of providers, the password of Redis. */
  secrets: KnownSecrets;
  running: RunningAttempts;
}
