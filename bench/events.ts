// `npm run bench:events [-- --only append|fan-out|memory|latency]`: what the event path costs, beside the barest
// programs that do the same, measured in turn in the same run. Prints a table; asserts nothing.

import { parseArgs } from 'node:util';
import { onInterruption } from '../test/support/interruption.ts';
import { startTestRedis } from '../test/support/private-redis.ts';
import { measureAppend } from './parts/append.ts';
import { measureFanOut } from './parts/fan-out.ts';
import { measureLatency } from './parts/latency.ts';
import { measureMemory } from './parts/memory.ts';
import { measureStalled } from './parts/stalled.ts';
import { formatTable, type Row } from './support/report.ts';
import { openStage, type Stage } from './support/stage.ts';

const parts: Record<string, ((stage: Stage) => Promise<Row[]>)[]> = {
  append: [measureAppend],
  'fan-out': [measureFanOut],
  memory: [measureMemory, measureStalled],
  latency: [measureLatency],
};

/** A part takes about 30 s; this is for what hangs. */
const wholeMsMax = 180_000;

const usageFault = 64;

process.exitCode = await main();

async function main(): Promise<number> {
  const names = readArguments();
  if (names === null) return usageFault;
  // However it ends, what was started is ended first.
  await using stack = new AsyncDisposableStack();
  let isInterrupted = false;
  onInterruption(async (signal) => {
    isInterrupted = true;
    process.stderr.write(`${signal}: ending what was started\n`);
    await stack.disposeAsync();
  });
  try {
    const rows = await Promise.race([untilTooLate(), run(stack, names)]);
    process.stdout.write(formatTable(rows));
    return 0;
  } catch (error) {
    // What went wrong then says nothing; this process is about to end.
    if (isInterrupted) await new Promise(() => {});
    process.stderr.write(`The bench has ended early: ${error instanceof Error ? error.stack : error}\n`);
    return 1;
  }
}

/** The parts to run; null where the arguments make no sense, which is told. */
function readArguments(): readonly string[] | null {
  try {
    const { only } = parseArgs({ options: { only: { type: 'string', multiple: true } } }).values;
    const unknown = only?.find((name) => !Object.hasOwn(parts, name));
    if (unknown === undefined) return only ?? Object.keys(parts);
    throw new TypeError(`There is no part "${unknown}". There are: ${Object.keys(parts).join(', ')}.`);
  } catch (error) {
    const [sentence] = (error instanceof Error ? error.message : String(error)).split('\n');
    process.stderr.write(`${sentence}\n`);
    return null;
  }
}

async function run(stack: AsyncDisposableStack, names: readonly string[]): Promise<Row[]> {
  const redis = stack.adopt(await startTestRedis(), (each) => each.close());
  const rows: Row[] = [];
  for (const name of names) {
    for (const measure of parts[name] ?? []) {
      process.stderr.write(`${measure.name} ...\n`);
      await using stage = await openStage(redis.url, stack);
      rows.push(...(await measure(stage)));
    }
  }
  return rows;
}

/** Rejects when far too much time has passed. */
function untilTooLate(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new TypeError(`not done after ${wholeMsMax} ms`)), wholeMsMax).unref();
  });
}
