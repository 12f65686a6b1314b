import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiCalls } from '../processes/api.ts';
import type { ReadersCalls } from '../processes/readers.ts';
import { bareFrame } from '../support/bare-frame.ts';
import { percentile, type Row } from '../support/report.ts';
import { inTurn } from '../support/rounds.ts';
import { line, RunningJob } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Time from the call of `append` in a worker's process to the event in that of its one subscriber, over the API,
 * beside that from PUBLISH to a subscriber of Redis. The 99th percentile of each round.
 */
export async function measureLatency(stage: Stage): Promise<Row[]> {
  const api = await stage.start<ApiCalls>('api');
  const readers = await stage.start<ReadersCalls>('readers');
  const job = await RunningJob.start(stage.log);
  const address = await api.ask('address');
  const target = { transport: 'sse', address, job: job.id, count: 1 } as const;
  const ours = await readers.ask('open', target);
  await readers.ask('got', { group: ours, events: 2 });
  const bare = await readers.ask('listen', channel);
  const round = (group: number, send: (seq: number) => Promise<unknown>, before: number) => {
    let events = before;
    return async () => {
      const from = events;
      const sent: number[] = [];
      while (sent.length < eventsARound) {
        events += 1;
        sent.push(Number(process.hrtime.bigint()));
        await send(events);
        await sleep(everyMs);
      }
      await readers.ask('got', { group, events });
      const arrivals = await readers.ask('arrivals', { group, from });
      const waitsUs = arrivals.map((at, index) => (at - (sent[index] ?? 0)) / 1000);
      return percentile(waitsUs, 99);
    };
  };
  const figures = await inTurn(rounds, {
    ours: round(ours, () => job.append([line]), 2),
    bare: round(bare, (seq) => stage.bareRedis.publish(channel, bareFrame('sse', { job: job.id, seq })), 0),
  });
  return [{ what: 'append to subscriber, 99th percentile', unit: 'us', ...figures, goal: { atMost: 3 } }];
}

const channel = 'bare:latency';
const rounds = 5;
const eventsARound = 400;
const everyMs = 3;
