import { createHash } from 'node:crypto';
import { Gate } from '../../../src/api/fan-out/gate.ts';
import { followJob } from '../../../src/client/feed.ts';
import type { Client } from '../../../src/client/http.ts';
import type { CommandSubmission } from '../../../src/contract/job.ts';
import { bytesOf } from '../../../src/platform/text-or-base64.ts';
import { Random } from '../../faults/random.ts';
import type { Scenario } from '../../faults/scenario.ts';
import { digestOf, type Written, writer } from '../written-bytes.ts';

const small = [0, 1, 4095, 4096, 4097, 20_000, 65_536, 2 ** 20];
const emoji = '👍🏽 é 漢字 👨‍👩‍👧 end\n'.repeat(20);

export const exactBytes: Scenario = {
  name: 'exact-bytes',
  sentence:
    'Commands write 0, 1, 4095, 4096, 4097, 20,000, 65,536 bytes and 1 MiB of every value, and emoji byte by byte, over pipes and in a terminal (after `stty raw -opost`), 100 times each; and 100 MiB, 3 times. What a live subscriber was given is the same to the last byte (SHA-256), each piece at the offset it names; what is kept in the end is the tail that it says it is.',
  fullRepeats: 100,
  async run({ seed, repeats, full, stage, progress }) {
    const cluster = await stage.cluster({ apis: 1, workers: 1, environment: { LLMMIXER_SANDBOX: 'auto' } });
    const random = new Random(seed);
    const gate = new Gate(4);
    const newSeed = () => Math.floor(random.next() * 2 ** 32);
    let [outputs, bytes] = [0, 0];
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const tasks = [true, false].flatMap((interactive) => [
        ...small.map(
          (size) => () => expectExact(cluster.client, { seed: newSeed(), bytes: size }, interactive),
        ),
        () => expectEmoji(cluster.client, interactive),
      ]);
      const lengths = await Promise.all(tasks.map(async (task) => (await gate.run(task)) ?? 0));
      outputs += lengths.length;
      bytes += lengths.reduce((sum, length) => sum + length, 0);
      progress(`${repeat}/${repeats}`);
    }
    const large = full ? { bytes: 100 * 2 ** 20, times: 3 } : { bytes: 4 * 2 ** 20, times: 1 };
    for (let turn = 0; turn < large.times; turn += 1)
      for (const interactive of [true, false]) {
        const written = { seed: newSeed(), bytes: large.bytes };
        bytes += await expectExact(cluster.client, written, interactive);
        outputs += 1;
        progress(`${large.bytes} bytes ${interactive ? 'in a terminal' : 'over pipes'}`);
      }
    return { outputs, bytes, 'bytes that differ': 0, 'of the large ones': `${large.times} each way` };
  },
};

/** @returns how many bytes were right. */
async function expectExact(client: Client, written: Written, interactive: boolean): Promise<number> {
  const argv = interactive
    ? ['sh', '-c', 'stty raw -opost -echo; exec "$@"', 'sh', ...writer(written)]
    : writer(written);
  const { id, digest, bytes } = await heard(client, { type: 'command', argv, interactive });
  const how = `${written.bytes} bytes of seed ${written.seed} ${interactive ? 'in a terminal' : 'over pipes'}`;
  if (bytes !== written.bytes || digest !== digestOf(written))
    throw new Error(`Of ${how} job ${id} gave ${bytes}, which differ.`);
  const kept = await client.output(id, { format: 'raw' });
  const begin = Number(kept.headers.get('llmmixer-output-begins-at'));
  const tail = createHash('sha256')
    .update(Buffer.from(await kept.arrayBuffer()))
    .digest('hex');
  if (tail !== digestOf(written, begin)) throw new Error(`What is kept of ${how} from ${begin} on differs.`);
  return bytes;
}

async function expectEmoji(client: Client, interactive: boolean): Promise<number> {
  const program = `$| = 1; binmode STDOUT; for (split //, $ARGV[0]) { syswrite STDOUT, $_ }`;
  const write = ['perl', '-e', program, emoji];
  const argv = interactive ? ['sh', '-c', 'stty raw -opost -echo; exec "$@"', 'sh', ...write] : write;
  const { id, digest, bytes, isText } = await heard(client, { type: 'command', argv, interactive });
  const expected = createHash('sha256').update(emoji).digest('hex');
  if (digest !== expected) throw new Error(`Job ${id} was given emoji and gave something else.`);
  if (!isText) throw new Error(`Job ${id} wrote text, and some of it came as base64.`);
  return bytes;
}

/** Runs a command, and follows it live over the client. */
async function heard(client: Client, submission: CommandSubmission) {
  const { id } = await client.submit(submission);
  const hash = createHash('sha256');
  let bytes = 0;
  let isText = true;
  for await (const event of followJob(client, id)) {
    if (event.type === 'job.ended' && event.data.status !== 'succeeded')
      throw new Error(`Job ${id} ended as ${event.data.status}: ${event.data.error?.detail}`);
    if (event.type !== 'output.delta') continue;
    const { text, offset } = event.data;
    if (offset !== bytes)
      throw new Error(`A piece of job ${id} begins at ${offset}, and ${bytes} came before.`);
    const piece = bytesOf(event.data);
    isText &&= text !== undefined;
    hash.update(piece);
    bytes += piece.length;
  }
  return { id, digest: hash.digest('hex'), bytes, isText };
}
