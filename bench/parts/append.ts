import { payloadOf } from '../../src/core/payload.ts';
import type { AppendRequest } from '../../src/store/ports.ts';
import { createJob, newJobId, outputDraft, startAttempt } from '../../test/support/job.ts';
import { producerOf } from '../../workers/publish-events.ts';
import type { Row } from '../support/report.ts';
import { inTurn } from '../support/rounds.ts';
import { line } from '../support/running-job.ts';
import type { Stage } from '../support/stage.ts';

/**
 * Appends a second, through `EventLog.append` and through a script that does nothing but XADD and PUBLISH. Each
 * job has one append in flight, as a worker has it; several jobs share the connection. The jobs begin anew with
 * each round, so most of their logs are below the size from which on they lose their oldest events.
 */
export async function measureAppend(stage: Stage): Promise<Row[]> {
  const rows: Row[] = [];
  for (const jobs of [1, 16])
    for (const [events, atLeast] of [
      [1, 0.35],
      [8, 0.55],
    ] as const) {
      const payloads = Array.from({ length: events }, () => payload());
      const rate = async (begin: typeof appender) =>
        rateOf(await Promise.all(Array.from({ length: jobs }, () => begin(stage, payloads))));
      const figures = await inTurn(rounds, { ours: () => rate(appender), bare: () => rate(bareAppender) });
      const who = jobs === 1 ? 'one job' : `${jobs} jobs at once`;
      rows.push({
        what: `append, ${events} a batch, ${who}`,
        unit: 'batches/s',
        ...figures,
        goal: { atLeast },
      });
    }
  return rows;
}

const rounds = 5;
const roundMs = 250;

type Append = () => Promise<unknown>;

/** How often a second they were all carried out, each one after the other. */
async function rateOf(appends: readonly Append[]): Promise<number> {
  const begun = performance.now();
  let count = 0;
  await Promise.all(
    appends.map(async (append) => {
      while (performance.now() - begun < roundMs) {
        await append();
        count += 1;
      }
    }),
  );
  return (count * 1000) / (performance.now() - begun);
}

async function appender({ log }: Stage, payloads: readonly string[]): Promise<Append> {
  const job = await createJob(log);
  const identity = await startAttempt(log, job);
  const request: AppendRequest = {
    producer: producerOf(identity),
    identity,
    firstPseq: 2,
    flag: 'none',
    counted: false,
    dueMs: 0,
    resyncLast: null,
    changes: {},
    items: payloads.map((each) => ({ type: 'output.delta', payload: each })),
    at: new Date().toISOString(),
  };
  return async () => {
    const { kind } = await log.append(job, request);
    if (kind !== 'OK') throw new TypeError(`an append was answered ${kind}`);
    request.firstPseq += payloads.length;
  };
}

const bareScript = `
local payloads = {}
for index = 2, #ARGV, 2 do
  redis.call('XADD', KEYS[1], '*', 't', ARGV[index], 'd', ARGV[index + 1])
  payloads[#payloads + 1] = ARGV[index + 1]
end
redis.call('PUBLISH', ARGV[1], table.concat(payloads, '\\n'))
return 'OK'`;

async function bareAppender({ bareRedis }: Stage, payloads: readonly string[]): Promise<Append> {
  const sha = String(await bareRedis.script('LOAD', bareScript));
  const job = newJobId();
  const items = payloads.flatMap((each) => ['output.delta', each]);
  return () => bareRedis.evalsha(sha, 1, `{${job}}:e`, `{${job}}:c`, ...items);
}

function payload(): string {
  const from = {
    job: newJobId(),
    producer: 'w1-5e0c93a7',
    pseq: 1,
    attempt: 1,
    at: new Date().toISOString(),
  };
  return payloadOf({ ...outputDraft(line), ...from });
}
