import { execFile } from 'node:child_process';
import { createInputWriter } from './input-writer.ts';
import type { PreparedCommand } from './launch.ts';
import { createMarkedOutput } from './marked-output.ts';
import { createOutputQueue } from './output-queue.ts';
import type { PtyDevice } from './pty-device.ts';
import { superviseCommand } from './running-command.ts';
import { type StartedCommand, startCommand } from './start-command.ts';
import type { RunningCommand } from './terminal.ts';
import { createTypedInput } from './typed-input.ts';

/**
 * Runs a command in the pseudo-terminal `device`, which is closed with it.
 * @throws {ProblemError} `spawn_failed`.
 */
export async function runInPty(
  command: PreparedCommand,
  { device, bash, note }: { device: PtyDevice; bash: string; note: string | undefined },
): Promise<RunningCommand> {
  const started = await startOnDevice(command, { device, bash }).catch((error: unknown) => {
    device.close();
    throw error;
  });
  const queue = createOutputQueue({ pause: () => output.pause(), resume: () => output.resume() });
  const output = createMarkedOutput({
    reader: device.reader,
    writerFd: device.slaveFd,
    onBytes: (bytes) => queue.push({ stream: 'tty', bytes }),
    onStuck: () => releaseFlow(device),
  });
  output.resume();
  const input = createTypedInput(createInputWriter(device.masterFd, command.stdin), command.stdin);
  return superviseCommand({
    ...started,
    terminal: 'pty',
    note,
    queue,
    finishOutput: () => output.finish(),
    input,
    endInput: input.typeEndOfFile,
    resize: (cols, rows) => {
      device.resize(cols, rows);
      return true;
    },
    release: async () => {
      await started.endChain();
      device.close();
    },
    log: command.log,
  });
}

async function startOnDevice(
  command: PreparedCommand,
  { device, bash }: { device: PtyDevice; bash: string },
): Promise<StartedCommand> {
  const user = command.chain?.rights.user ?? null;
  if (user !== null) device.giveTo(user);
  const stdio = ['ignore', 'ignore', 'ignore'] as const;
  return startCommand(command, { stdio, bash, terminal: device.path, mode: 'session' });
}

/** Someone typed Ctrl-S and the command ended before a Ctrl-Q: a terminal without flow control goes on. */
function releaseFlow(device: PtyDevice): void {
  execFile('stty', ['-F', device.path, '-ixon'], { timeout: 5000 }, () => {});
}
