import { startChain } from './chain/start-chain.ts';
import type { ChainMode } from './chain/waiter.ts';
import { withFirstHop } from './first-hop.ts';
import type { PreparedCommand } from './launch.ts';
import { createProcessTree } from './process-tree.ts';
import type { CommandParts } from './running-command.ts';
import { type SpawnOptions, spawnCommand, startProblem } from './spawn-command.ts';
import { hasEnded, killUntilNone } from './terminate.ts';

export interface StartOptions {
  stdio: SpawnOptions['stdio'];
  /** Absent where there is no bash: then there is no pseudo-terminal either whose descriptors it would close. */
  bash: string | undefined;
  /** Path of the terminal that the command takes for itself, in place of `stdio`. */
  terminal?: string;
  mode: ChainMode;
}

export interface StartedCommand extends Pick<CommandParts, 'pid' | 'exited' | 'usage' | 'tree'> {
  /** Ends what stood between the worker and the command. To be called when the job has nothing left to run. */
  endChain(): Promise<void>;
}

/**
 * Starts a command, shut in by its chain where it has one.
 * @throws {ProblemError} `spawn_failed`.
 */
export async function startCommand(command: PreparedCommand, options: StartOptions): Promise<StartedCommand> {
  const { program, cwd, env, marks, chain } = command;
  const { stdio, bash, terminal } = options;
  if (chain !== null) return startInChain({ ...command, chain }, options);
  const start =
    bash === undefined
      ? { ...program, env }
      : withFirstHop({ bash, env, ...program, ...(terminal === undefined ? {} : { terminal }) });
  const { pid, exited } = await spawnCommand({ ...start, cwd, stdio });
  const tree = createProcessTree({ pid, marks });
  return { pid, exited, usage: Promise.resolve(null), tree, endChain: async () => {} };
}

async function startInChain(
  { program, cwd, env, marks, chain }: PreparedCommand & { chain: NonNullable<PreparedCommand['chain']> },
  { stdio, terminal, mode }: StartOptions,
): Promise<StartedCommand> {
  const [input, output, errors] = stdio.map((it) => terminal ?? pathOf(it));
  const { group, head } = chain;
  if (head.pid === undefined) throw startProblem(await head.refused);
  const everything = createProcessTree({ pid: head.pid, marks, group });
  const started = await startChain(chain, {
    ...program,
    cwd,
    env,
    streams: [input ?? nothing, output ?? nothing, errors ?? nothing],
    mode,
  }).catch(async (error: unknown) => {
    // Where nothing was reported, the command may run all the same.
    await killUntilNone(everything);
    throw error;
  });
  const { pid, commandPid, watchers, exited, usage, namespaceEnd } = started;
  const tree = createProcessTree({
    pid,
    marks,
    group,
    watchers,
    ...(commandPid === undefined ? {} : { command: commandPid, session: commandPid }),
    ...(chain.sandbox === null ? {} : { guard: pid }),
    ...(namespaceEnd === undefined ? {} : { namespaceEnd }),
  });
  const endChain = async () => {
    if (!(await hasEnded(tree))) await killUntilNone(everything);
  };
  return { pid: commandPid ?? pid, exited, usage, tree, endChain };
}

const nothing = '/dev/null';

/** Of one of this process's descriptors, for others to open. */
function pathOf(stdio: number | 'ignore'): string {
  return stdio === 'ignore' ? nothing : `/proc/${process.pid}/fd/${stdio}`;
}
