import { existsSync } from 'node:fs';
import type { SandboxLevel } from '../../../src/contract/result.ts';
import type { Config } from '../../../src/platform/config.ts';
import { isRoot } from '../../../src/platform/is-root.ts';
import { exitCodes, StartError } from '../../../src/platform/start-error.ts';
import { findControlGroups } from '../cgroup.ts';
import type { ChainTools } from './enter.ts';
import { createIsolation, type Isolation, type IsolationOptions } from './isolation.ts';
import { systemCalls } from './system-calls.ts';
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
  const { tools, fault: toolFault } = findTools();
  const found = { tools, groups };
  const reasons: string[] = [];
  if (config.sandbox === 'auto' || config.sandbox === 'required') {
    const bubblewrap = await options.findBubblewrap();
    const isolation = build('sandbox', options, { ...found, bubblewrap: bubblewrap.path ?? null });
    const fault = bubblewrap.fault ?? toolFault ?? (await tryChain(isolation));
    if (fault === null) return { isolation, note: undefined };
    await isolation.close();
    if (config.sandbox === 'required') throw sandboxRequired(fault);
    reasons.push(`No sandbox: ${fault}`);
  }
  if (config.sandbox !== 'none') {
    const isolation = build('user', options, { ...found, bubblewrap: null });
    const fault = notRoot() ?? toolFault ?? (await tryChain(isolation));
    if (fault === null) return { isolation, note: reasons.join(' ') || undefined };
    await isolation.close();
    reasons.push(`No user of their own: ${fault}`);
  }
  const note =
    reasons.length === 0 ? undefined : `${reasons.join(' ')} Commands have the rights of the service.`;
  return { isolation: build('none', options, { ...found, bubblewrap: null }), note };
}

function build(
  level: SandboxLevel,
  { config, hidden, mark }: ChooseLevelOptions,
  found: Pick<IsolationOptions, 'tools' | 'groups' | 'bubblewrap'>,
): Isolation {
  return createIsolation({ level, isRoot: isRoot(), mark, config: { ...config, hidden }, ...found });
}

/** What bounds commands and waits for them. */
function findTools(): { tools: ChainTools; fault: null } | { tools: null; fault: string } {
  const perl = ['/bin', '/usr/bin', '/usr/local/bin'].map((it) => `${it}/perl`).find(existsSync);
  if (perl === undefined) return { tools: null, fault: 'perl was not found.' };
  if (systemCalls === undefined || !existsSync('/proc/self/fd'))
    return { tools: null, fault: `what shuts commands in needs Linux on x64 or arm64, and /proc.` };
  return { tools: { perl, calls: systemCalls }, fault: null };
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
