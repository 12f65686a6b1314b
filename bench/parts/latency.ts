import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiCalls } from '../processes/api.ts';
import type { ReadersCalls } from '../processes/readers.ts';
import { bareFrame } from '../support/bare-frame.ts';
import type { Ask } from '../support/calls.ts';
import { median, percentile, type Row } from '../support/report.ts';
import { line, RunningJob } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Time from the call of `append` in a worker's process to the event in that of its one subscriber, over the API,
 * beside that from PUBLISH to a subscriber of Redis: one event of each in turn, and the median of the 99th
 * percentiles of all rounds.
 */
export async function measureLatency(stage: Stage): Promise<Row[]> {
  const api = await stage.start<ApiCalls>('api');
  const readers = await stage.start<ReadersCalls>('readers');
  const job = await RunningJob.start(stage.log);
  const address = await api.ask('address');
  const group = await readers.ask('open', { transport: 'sse', address, job: job.id, count: 1 });
  await readers.ask('got', { group, events: 2 });
  const bareGroup = await readers.ask('listen', channel);
  const ours: Way = { group, got: 2, send: () => job.append([line]), waitsUs: [] };
  const bare: Way = {
    group: bareGroup,
    got: 0,
    send: (seq: number) => stage.bareRedis.publish(channel, bareFrame('sse', { job: job.id, seq })),
    waitsUs: [],
  };
  for (let round = 0; round <= rounds; round += 1) await measureRound(readers.ask, [ours, bare]);
  const figures = { ours: typical(ours), bare: typical(bare) };
  return [{ what: 'append to subscriber, 99th percentile', unit: 'us', ...figures, goal: { atMost: 3 } }];
}

const channel = 'bare:latency';
const rounds = 12;
const eventsARound = 150;
const everyMs = 3;

interface Way {
  group: number;
  /** Events that the subscriber has got. */
  got: number;
  send(seq: number): Promise<unknown>;
  /** The 99th percentile of each round. */
  waitsUs: number[];
}

async function measureRound(ask: Ask<ReadersCalls>, ways: readonly Way[]): Promise<void> {
  const sent = ways.map((): number[] => []);
  for (let event = 1; event <= eventsARound; event += 1)
    for (const [index, way] of ways.entries()) {
      sent[index]?.push(Number(process.hrtime.bigint()));
      await way.send(way.got + event);
      await sleep(everyMs);
    }
  for (const [index, way] of ways.entries()) {
    const { group, got } = way;
    way.got += eventsARound;
    await ask('got', { group, events: way.got });
    const arrivals = await ask('arrivals', { group, from: got });
    way.waitsUs.push(
      percentile(
        arrivals.map((at, event) => (at - (sent[index]?.[event] ?? 0)) / 1000),
        99,
      ),
    );
  }
}

/** The first round warms up. */
function typical({ waitsUs }: Way): number {
  return median(waitsUs.slice(1));
}
