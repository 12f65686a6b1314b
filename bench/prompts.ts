// `npm run bench:prompts`: what a prompt costs that goes through the service, beside the provider's own library in a
// bare loop, against the same provider on loopback and in the same run. Prints a table; asserts nothing.

import OpenAI from 'openai';
import { followJob } from '../src/client/feed.ts';
import { processorMs } from '../test/faults/process-facts.ts';
import { type Cluster, startCluster } from '../test/support/cluster.ts';
import { onInterruption } from '../test/support/interruption.ts';
import type { SdkLoopCalls } from './processes/sdk-loop.ts';
import type { TokenReadersCalls } from './processes/token-readers.ts';
import type { TokenSourceCalls } from './processes/token-source.ts';
import { startProcess } from './support/calls.ts';
import { tell } from './support/goal-line.ts';
import { median } from './support/report.ts';
import { timed } from './support/timed.ts';
import { streamTokens } from './support/token-times.ts';

const streams = 200;
const everyMs = 20;
const turns = 60;
const wholeMsMax = 240_000;

await using stack = new AsyncDisposableStack();
onInterruption(async (signal) => {
  process.stderr.write(`${signal}: ending what was started\n`);
  await stack.disposeAsync();
});
setTimeout(() => {
  process.stderr.write(`not done after ${wholeMsMax} ms\n`);
  void stack.disposeAsync().finally(() => process.exit(1));
}, wholeMsMax).unref();

const source = stack.adopt(await startProcess<TokenSourceCalls>('token-source', []), (each) => each.close());
const baseURL = await source.ask('address');
const environment = { OPENAI_BASE_URL: baseURL, LLMMIXER_CONCURRENCY: String(streams + 10) };
const cluster = stack.adopt(await startCluster({ apis: 1, workers: 1, environment }), (each) => each.close());
const { client } = cluster;

await measureFirstToken(cluster);
await measureStreams(cluster);
await stack.disposeAsync();
process.exit();

/** From the call to the first token, one at a time, in turn. */
async function measureFirstToken({ apis: [api] }: Cluster): Promise<void> {
  if (api === undefined) throw new TypeError('there is no API');
  const sdk = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < turns + 10; turn += 1) {
    const bareMs = await timed(async () => {
      const messages = [{ role: 'user' as const, content: 'go' }];
      const answer = await sdk.chat.completions.create({ model: 'tokens-1-1', messages, stream: true });
      for await (const chunk of answer) if (chunk.choices[0]?.delta.content) break;
    });
    const oursMs = await timed(async () => {
      const { id } = await client.submit(promptFor('tokens-1-1'));
      for await (const { type } of followJob(client, id)) if (type === 'text.delta') break;
    });
    if (turn < 10) continue; // code is compiled, connections are opened
    ours.push(oursMs);
    bare.push(bareMs);
  }
  const added = median(ours) - median(bare);
  tell({
    what: 'submit to the first token at a subscriber (ms, p50)',
    ...{ ours: median(ours), bare: median(bare), compared: `+${added.toFixed(1)}` },
    ...{ goal: 'at most +15', isMet: added <= 15 },
  });
}

/** Many streams at once, first through the library alone, then through one worker. */
async function measureStreams({ key, apis: [api], workers: [worker] }: Cluster): Promise<void> {
  if (api === undefined || worker === undefined) throw new TypeError('there is no API, or no worker');
  const loop = stack.adopt(await startProcess<SdkLoopCalls>('sdk-loop', []), (each) => each.close());
  const readers = stack.adopt(await startProcess<TokenReadersCalls>('token-readers', []), (each) =>
    each.close(),
  );
  const through = async (model: string, count: number) => {
    const jobs = await Promise.all(Array.from({ length: count }, () => client.submit(promptFor(model))));
    return readers.ask('read', { address: api.baseUrl, key, jobs: jobs.map(({ id }) => id) });
  };
  await loop.ask('run', { baseURL, model: 'tokens-400-5', streams: 20 });
  await through('tokens-400-5', 20);
  const model = `tokens-${streamTokens}-${everyMs}`;
  const bare = await loop.ask('run', { baseURL, model, streams });
  const before = processorMs(worker.pid);
  const ours = await through(model, streams);
  const usedMs = processorMs(worker.pid) - before;
  if (ours.tokens !== streams * streamTokens) throw new TypeError(`${ours.tokens} tokens came`);
  const added = ours.p99 - bare.p99;
  tell({
    what: `${streams} streams: a token, provider to subscriber (ms, p50)`,
    ...{ ours: ours.p50, bare: bare.p50, goal: 'told only', isMet: true },
  });
  tell({
    what: `${streams} streams: a token, provider to subscriber (ms, p99)`,
    ...{ ours: ours.p99, bare: bare.p99, compared: `+${added.toFixed(1)}` },
    ...{ goal: 'at most +40', isMet: added <= 40 },
  });
  const [oursUs, bareUs] = [(usedMs * 1000) / ours.tokens, bare.processorUs / bare.tokens];
  tell({
    what: 'processor time of the worker a token (us)',
    ...{ ours: oursUs, bare: bareUs, compared: (oursUs / bareUs).toFixed(2) },
    ...{ goal: 'at most 2', isMet: oursUs / bareUs <= 2 },
  });
}

function promptFor(model: string) {
  return { type: 'prompt', model: `openai/${model}`, prompt: 'go', seed: 1 } as const;
}
