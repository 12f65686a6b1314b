import { existsSync } from 'node:fs';
import type { SandboxLevel } from '../../../src/contract/result.ts';
import type { Config } from '../../../src/platform/config.ts';
import { isRoot } from '../../../src/platform/is-root.ts';
import { exitCodes, StartError } from '../../../src/platform/start-error.ts';
import { type ControlGroups, findControlGroups } from '../cgroup.ts';
import { createIsolation, type Isolation } from './isolation.ts';
import type { ChainPrograms } from './links.ts';
import { tryChain } from './try-chain.ts';

export interface ChooseLevelOptions {
  config: Pick<Config, 'sandbox' | 'network' | 'readOnlyPaths' | 'jobUids' | 'jobLimits'>;
  /** Folders that no job may see. */
  hidden: readonly string[];
  mark: string;
  /** Looked for only where a sandbox is wanted; the fault says why there is none. */
  findBubblewrap(): Promise<{ path: string; fault?: never } | { path?: never; fault: string }>;
}

export interface ChosenIsolation {
  isolation: Isolation;
  /** Why it is no better; absent where it is the best there is, or what was asked for. */
  note: string | undefined;
}

/**
 * Finds out how commands can be shut in on this machine, by trying it: a level counts only where a real command in it
 * could do nothing of what it must not.
 * @throws {StartError} where a sandbox is required and there can be none.
 */
export async function chooseLevel(options: ChooseLevelOptions): Promise<ChosenIsolation> {
  const { config, mark } = options;
  const groups = findControlGroups(mark);
  const programs = findPrograms();
  const reasons: string[] = [];
  if (config.sandbox === 'auto' || config.sandbox === 'required') {
    const found = await options.findBubblewrap();
    const withSandbox = { ...programs, bubblewrap: found.path };
    const isolation = build('sandbox', options, { programs: withSandbox, groups });
    const fault = found.fault ?? missing(withSandbox) ?? (await tryChain(isolation));
    if (fault === null) return { isolation, note: undefined };
    if (config.sandbox === 'required') throw sandboxRequired(fault);
    reasons.push(`No sandbox: ${fault}`);
  }
  if (config.sandbox !== 'none') {
    const isolation = build('user', options, { programs, groups });
    const fault = notRoot() ?? missing(programs) ?? (await tryChain(isolation));
    if (fault === null) return { isolation, note: reasons.join(' ') || undefined };
    reasons.push(`No user of their own: ${fault}`);
  }
  const note =
    reasons.length === 0 ? undefined : `${reasons.join(' ')} Commands have the rights of the service.`;
  return { isolation: build('none', options, { programs, groups }), note };
}

function build(
  level: SandboxLevel,
  { config, hidden, mark }: ChooseLevelOptions,
  found: { programs: ChainPrograms; groups: ControlGroups },
): Isolation {
  return createIsolation({ level, isRoot: isRoot(), mark, config: { ...config, hidden }, ...found });
}

function findPrograms(): ChainPrograms {
  const find = (name: string) =>
    ['/bin', '/usr/bin', '/usr/local/bin'].map((it) => `${it}/${name}`).find(existsSync);
  return {
    bash: find('bash'),
    perl: find('perl'),
    setpriv: find('setpriv'),
    prlimit: find('prlimit'),
    bubblewrap: undefined,
  };
}

function missing({ bash, perl, setpriv, prlimit }: ChainPrograms): string | null {
  const absent = Object.entries({ bash, perl, setpriv, prlimit }).flatMap(([name, path]) =>
    path ? [] : [name],
  );
  return absent.length === 0 ? null : `${absent.join(' and ')} not found.`;
}

function notRoot(): string | null {
  return isRoot() ? null : 'the service is not root, which could give them one.';
}

function sandboxRequired(fault: string): StartError {
  return new StartError(
    exitCodes.unavailable,
    `LLMMIXER_SANDBOX is required, and there can be no sandbox here: ${fault} Mend that, or set LLMMIXER_SANDBOX=auto to take the best there is.`,
  );
}
