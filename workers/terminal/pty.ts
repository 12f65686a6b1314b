import { execFile } from 'node:child_process';
import { withFirstHop } from './first-hop.ts';
import { createInputWriter } from './input-writer.ts';
import type { PreparedCommand } from './launch.ts';
import { createMarkedOutput } from './marked-output.ts';
import { createOutputQueue } from './output-queue.ts';
import { createProcessTree } from './process-tree.ts';
import type { PtyDevice } from './pty-device.ts';
import { superviseCommand } from './running-command.ts';
import { spawnCommand } from './spawn-command.ts';
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
  const spawned = await spawnCommand({
    ...withFirstHop({ bash, terminal: device.path, env: command.env, ...command.program }),
    cwd: command.cwd,
    stdio: ['ignore', 'ignore', 'ignore'],
  }).catch((error: unknown) => {
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
  const input = createTypedInput(createInputWriter(device.masterFd, command.stdin));
  return superviseCommand({
    pid: spawned.pid,
    terminal: 'pty',
    note,
    exited: spawned.exited,
    tree: createProcessTree({ pid: spawned.pid, marks: command.marks }),
    queue,
    finishOutput: () => output.finish(),
    input,
    endInput: input.typeEndOfFile,
    resize: (cols, rows) => {
      device.resize(cols, rows);
      return true;
    },
    release: async () => device.close(),
    log: command.log,
  });
}

/** Someone typed Ctrl-S and the command ended before a Ctrl-Q: a terminal without flow control goes on. */
function releaseFlow(device: PtyDevice): void {
  execFile('stty', ['-F', device.path, '-ixon'], { timeout: 5000 }, () => {});
}
