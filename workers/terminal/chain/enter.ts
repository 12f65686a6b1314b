import type { JobGroup } from '../cgroup.ts';
import type { ChainHead } from './chain-head.ts';
import { headProgram } from './head-program.ts';
import type { Rights } from './rights.ts';
import type { SystemCalls } from './system-calls.ts';
import { type ChainMode, waiterArguments } from './waiter.ts';

/** What a chain is made of; made by an isolation for one command. */
export interface Chain {
  tools: ChainTools;
  /** What it is in before it is anything else. */
  group: Pick<JobGroup, 'joinFiles' | 'members' | 'stopForking'>;
  /** A process that has joined them and waits to become the chain. */
  head: ChainHead;
  rights: Rights;
  /** The program that makes a sandbox, with its arguments; null: there is none. */
  sandbox: readonly string[] | null;
}

/** What runs the programs of a chain. */
export interface ChainTools {
  /** Path of perl. */
  perl: string;
  calls: SystemCalls;
}

export interface EnterOptions {
  mode: ChainMode;
  name: string;
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Paths of what it opens as 0, 1 and 2; the same for 0 and 1: a terminal, for all three. null: what is open already. */
  streams: readonly [string, string, string] | null;
}

/** What the first process of a chain is told, so that the command runs at its end. */
export function ordersOf(
  { tools: { perl, calls }, rights, sandbox }: Chain,
  { env, cwd, streams, ...command }: EnterOptions,
): string[] {
  const { user, onlyLess } = rights;
  const bounds = rights.bounds.map(({ resource, soft, hard }) => `${resource} ${soft} ${hard}`);
  const variables = Object.entries(chainEnvironment(env)).map(([name, value]) => `${name}=${value}`);
  return [
    ...[cwd, ...(streams ?? ['', '', ''])],
    ...[user === null ? '' : `${user.uid} ${user.gid}`, onlyLess ? '1' : ''],
    ...[String(bounds.length), ...bounds],
    ...[String(variables.length), ...variables],
    ...[...(sandbox ?? []), perl, ...waiterArguments(calls, command)],
  ];
}

/** What to spawn, with its descriptors in place and a pipe as descriptor 3, so that the command runs at the end of the chain. */
export function enterChain(
  chain: Chain,
  options: Omit<EnterOptions, 'streams'>,
): { file: string; args: string[]; env: Record<string, string> } {
  const orders = ordersOf(chain, { ...options, streams: null });
  const args = [...headArguments(chain.tools, chain.group.joinFiles), '--', ...orders];
  return { file: chain.tools.perl, args, env: { ...bareEnvironment, ...marksOf(options.env) } };
}

/** Arguments of perl, behind its name, for a process that waits for its orders. */
export function headArguments({ calls }: ChainTools, joinFiles: readonly string[]): string[] {
  const { prlimit64, setgroups, setresgid, setresuid, prctl } = calls;
  return ['-e', headProgram, [prlimit64, setgroups, setresgid, setresuid, prctl].join(), ...joinFiles];
}

export const bareEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** The command's variables mean nothing to the chain; those that tell its processes from others do. */
function chainEnvironment(env: EnterOptions['env']): Record<string, string> {
  const renamed = Object.entries(env).map(([name, value]) => [`LLMMIXER_ENV_${name}`, value]);
  return { ...bareEnvironment, ...marksOf(env), ...Object.fromEntries(renamed) };
}

function marksOf(env: EnterOptions['env']): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('LLMMIXER_')));
}
