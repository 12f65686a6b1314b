// The subscribers: connections by the thousand that read, check that nothing is missing or comes twice, and
// note when it came.

import { answerCalls } from '../support/calls.ts';
import { type Group, openGroup, openListener, type Target } from './group.ts';
import { openStalled } from './stalled-readers.ts';

const [redisUrl = ''] = process.argv.slice(2);
const groups: Group[] = [];

const calls = answerCalls({
  /** Opens `count` subscribers, `connecting` at a time; answers the number of their group. */
  open: async (target: Target): Promise<number> => groups.push(await openGroup(target)) - 1,
  /** Settles when each of the group has got so many events. */
  got: ({ group, events }: { group: number; events: number }) => groups[group]?.got(events),
  /** When the first of the group got each of its events from that number on, in ns of the system's clock. */
  arrivals: ({ group, from }: { group: number; from: number }) => groups[group]?.arrivals.slice(from) ?? [],
  close: ({ group }: { group: number }) => groups[group]?.close(),
  /** Opens subscribers that read no further than the beginning. */
  stall: openStalled,
  /** Listens to a channel of Redis itself, as a group of one. */
  listen: async (channel: string): Promise<number> => groups.push(await openListener(redisUrl, channel)) - 1,
});
export type ReadersCalls = typeof calls;
