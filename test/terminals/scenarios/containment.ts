import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Client } from '../../../src/client/http.ts';
import type { CommandSubmission } from '../../../src/contract/job.ts';
import type { ProblemCode } from '../../../src/contract/problem.ts';
import type { Figures, Scenario } from '../../faults/scenario.ts';
import { levelOf, processesWith, run, submitUntil, untilOutput } from '../host.ts';

interface Deed extends Omit<CommandSubmission, 'type'> {
  name: string;
  /** How its job must end; null: well. */
  code: ProblemCode | null;
  /** What it must not be able to say. */
  never?: RegExp;
  /** Needs a memory limit that this machine keeps. */
  needsMemory?: boolean;
}

const mebibyte = 2 ** 20;

function deeds({ worker, port, mark }: { worker: number; port: number; mark: string }): Deed[] {
  return [
    {
      name: 'fork bomb',
      argv: ['bash', '-c', 'b() { b | b & }; b; sleep 600', mark],
      limits: { processes: 64 },
      timeoutMs: 4000,
      code: 'timeout',
    },
    {
      name: '4 GB allocation',
      argv: ['perl', '-e', 'push @a, "x" x 50_000_000 for 1 .. 80; print "all of it"'],
      limits: { memoryBytes: 256 * mebibyte },
      code: 'limit_exceeded',
      never: /all of it/,
      needsMemory: true,
    },
    {
      name: '10 GB file',
      argv: ['bash', '-c', 'exec head -c 10G /dev/zero > big'],
      limits: { fileBytes: 50 * mebibyte },
      code: 'limit_exceeded',
    },
    {
      name: 'CPU for ever',
      argv: ['perl', '-e', '1 while 1'],
      limits: { cpuSeconds: 1 },
      code: 'limit_exceeded',
    },
    { name: 'kill -9 -1', argv: ['bash', '-c', 'kill -9 -1; echo survived'], code: null, never: /never/ },
    {
      name: 'ptrace of the worker',
      argv: ['perl', '-e', `print syscall(101, 16, ${worker}, 0, 0) == 0 ? "attached" : "refused"`],
      code: null,
      never: /attached/,
    },
    {
      name: 'reading /etc/shadow',
      argv: ['bash', '-c', 'cat /etc/shadow || true'],
      code: null,
      never: /root:/,
    },
    {
      name: 'reading the environment of the worker',
      argv: ['bash', '-c', `cat /proc/${worker}/environ /proc/[0-9]*/environ | tr '\\0' '\\n'; true`],
      code: null,
      never: /LLMMIXER_API_KEY=|REDIS_URL=/,
    },
    {
      name: 'connecting to loopback without a network',
      argv: ['bash', '-c', `(exec 3<>/dev/tcp/127.0.0.1/${port}) && echo connected; true`],
      network: false,
      code: null,
      never: /connected/,
    },
  ];
}

export const containment: Scenario = {
  name: 'containment',
  sentence:
    'In a sandbox commands fork without end, take 4 GB, write a file of 10 GB, use the processor for ever, kill everything, trace the worker, read `/etc/shadow` and the worker’s environment, and connect to this machine though they have no network. Each is contained and ends with the right code; the worker, and another job on it, go on.',
  fullRepeats: 5,
  async run({ repeats, stage, progress }) {
    const environment = { LLMMIXER_SANDBOX: 'auto' };
    const { client, workers } = await stage.cluster({ apis: 1, workers: 1, environment });
    const level = await levelOf(client);
    if (level !== 'sandbox') return skipped(progress, `this machine has level ${level}`);
    const [{ limits } = { limits: null }] = (await client.capabilities()).items;
    const server = await stage.adopt(createServer((socket) => socket.end()).listen(0, '127.0.0.1'), (each) =>
      each.close(),
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const mark = `bomb-${process.pid}`;
    const figures: Figures = { level, memory: limits?.memoryBytes === null ? 'not limited here' : 'limited' };
    const neighbour = await submitUntil(client, { argv: ['cat'], interactive: true }, '').catch(() => '');
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      for (const deed of deeds({ worker: workers[0]!.pid, port, mark })) {
        if (deed.needsMemory && limits?.memoryBytes === null) continue;
        await expectContained(client, deed);
        progress(`${repeat}/${repeats} ${deed.name}: contained`);
      }
      if (processesWith(mark).length > 0) throw new Error('Processes of the fork bomb live on.');
      await client.input(neighbour, { text: `still here ${repeat}\r` });
      await untilOutput(client, neighbour, `still here ${repeat}`);
    }
    await client.cancel(neighbour);
    if (workers[0]!.log.includes('"level":60')) throw new Error('The worker has failed.');
    return { ...figures, 'deeds contained': deeds({ worker: 0, port, mark }).length };
  },
};

async function expectContained(
  client: Client,
  { name, code, never, needsMemory: _, ...command }: Deed,
): Promise<void> {
  const { job, output } = await run(client, command);
  const ended = job.error?.code ?? null;
  // Whoever kills all processes it can see may kill itself.
  const isOwnDeath = name.startsWith('kill') && ended === 'exit_nonzero';
  if (ended !== code && !isOwnDeath)
    throw new Error(
      `${name}: job ${job.id} ended as ${ended}, not ${code}: ${job.error?.detail} ${output.slice(0, 500)}`,
    );
  if (never?.test(output)) throw new Error(`${name}: job ${job.id} could: ${output.slice(0, 500)}`);
}

function skipped(progress: (line: string) => void, why: string): Figures {
  progress(`NOT TESTED: ${why}`);
  process.stderr.write(`NOT TESTED: containment, since ${why}\n`);
  return { 'not tested': why };
}
