import type { Scenario } from './scenario.ts';
import { apiKilled } from './scenarios/api-killed.ts';
import { apiStopped } from './scenarios/api-stopped.ts';
import { deafSubscription } from './scenarios/deaf-subscription.ts';
import { halfOpen } from './scenarios/half-open.ts';
import { idleReaders } from './scenarios/idle-readers.ts';
import { lostReplies } from './scenarios/lost-replies.ts';
import { olderCopy } from './scenarios/older-copy.ts';
import { olderCopyOfApi } from './scenarios/older-copy-of-api.ts';
import { redisKilled } from './scenarios/redis-killed.ts';
import { redisStopped } from './scenarios/redis-stopped.ts';
import { slowReader } from './scenarios/slow-reader.ts';
import { thinLines } from './scenarios/thin-lines.ts';
import { workerStopped } from './scenarios/worker-stopped.ts';

/** In the order of the page. */
export const scenarios: readonly Scenario[] = [
  lostReplies,
  redisKilled,
  olderCopy,
  olderCopyOfApi,
  redisStopped,
  workerStopped,
  apiKilled,
  apiStopped,
  thinLines,
  halfOpen,
  deafSubscription,
  slowReader,
  idleReaders,
];
