import { spawnChain } from './chain/spawn-chain.ts';
import type { ChainMode } from './chain/waiter.ts';
import { withFirstHop } from './first-hop.ts';
import type { PreparedCommand } from './launch.ts';
import { createProcessTree, type ProcessTree } from './process-tree.ts';
import type { CommandParts } from './running-command.ts';
import { type SpawnOptions, spawnCommand } from './spawn-command.ts';
import { killUntilNone } from './terminate.ts';

export interface StartOptions {
  stdio: SpawnOptions['stdio'];
  /** Absent where there is no bash: then there is no pseudo-terminal either whose descriptors it would close. */
  bash: string | undefined;
  /** Path of the terminal that the command takes for itself, where it has no chain. */
  terminal?: string;
  /** The same terminal opened, where it has one. */
  terminalFd?: number;
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
  { stdio, terminalFd, mode }: StartOptions,
): Promise<StartedCommand> {
  const { pid, commandPid, watchers, exited, usage } = await spawnChain(chain, {
    ...program,
    cwd,
    env,
    stdio,
    mode,
    ...(terminalFd === undefined ? {} : { terminalFd }),
  });
  const tree = createProcessTree({
    pid,
    marks,
    watchers,
    ...(commandPid === undefined ? {} : { command: commandPid, session: commandPid }),
    ...(chain.hasNamespace ? { guard: pid } : {}),
  });
  const everything: ProcessTree = createProcessTree({ pid, marks });
  const endChain = async () => void (await killUntilNone(everything));
  return { pid: commandPid ?? pid, exited, usage, tree, endChain };
}
