import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiCalls } from '../processes/api.ts';
import type { BareCalls } from '../processes/bare.ts';
import type { ReadersCalls } from '../processes/readers.ts';
import { bareChannels, bareFrame } from '../support/bare-frame.ts';
import type { Ask } from '../support/calls.ts';
import type { Row } from '../support/report.ts';
import { inTurn } from '../support/rounds.ts';
import { line, RunningJob } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Processor time of the serving process for each event that one of 1,000 subscribers of a job got: the API, and a
 * program that writes as many bytes to as many connections. Every subscriber must get every event.
 */
export async function measureFanOut(stage: Stage): Promise<Row[]> {
  const api = await stage.start<ApiCalls>('api');
  const bare = await stage.start<BareCalls>('bare');
  const readers = await stage.start<ReadersCalls>('readers');
  const rows: Row[] = [];
  for (const { transport, what, atMost } of transports) {
    const job = await RunningJob.start(stage.log);
    const open = async (server: Server) =>
      readers.ask('open', {
        transport,
        address: await server.ask('address'),
        job: job.id,
        count: subscribers,
      });
    /** Answers what a round costs; `before` is how many events each subscriber got already. */
    const measured = async (
      server: Server,
      { send, before }: { send(seq: number): Promise<unknown>; before: number },
    ) => {
      const group = await open(server);
      let events = before;
      await readers.ask('got', { group, events });
      const round = async () => {
        const begun = await server.ask('usage');
        for (const end = events + eventsARound; events < end; ) {
          events += 1;
          await Promise.all([send(events), sleep(everyMs)]);
        }
        await readers.ask('got', { group, events });
        const ended = await server.ask('usage');
        return (ended.processorUs - begun.processorUs) / (eventsARound * subscribers);
      };
      return { round, close: () => readers.ask('close', { group }) };
    };
    const ours = await measured(api, { send: () => job.append([line]), before: 2 });
    const bareOne = await measured(bare, {
      send: (seq) =>
        stage.bareRedis.publish(bareChannels[transport], bareFrame(transport, { job: job.id, seq })),
      before: 0,
    });
    const figures = await inTurn(rounds, { ours: ours.round, bare: bareOne.round });
    await ours.close();
    await bareOne.close();
    rows.push({ what: `fan-out to 1,000, ${what}`, unit: 'us/event', ...figures, goal: { atMost } });
  }
  return rows;
}

type Server = { ask: Ask<Pick<ApiCalls & BareCalls, 'address' | 'usage'>> };

const transports = [
  { transport: 'sse', what: 'Server-Sent Events', atMost: 1.25 },
  { transport: 'webSocket', what: 'WebSocket', atMost: 1.5 },
] as const;
const subscribers = 1000;
const rounds = 5;
const eventsARound = 40;
const everyMs = 25;
