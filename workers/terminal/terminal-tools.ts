import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { limits } from '../../src/contract/limits.ts';
import type { TerminalKind } from '../../src/contract/result.ts';
import { choosePtyModule, type PtyChoice, ptyModules } from './pty-module.ts';

/** What the terminal room says to the log; a pino logger is one. */
export interface TerminalLog {
  warn(details: object, message: string): void;
}

export interface AvailableTerminals {
  /** Best first; the last is always `pipe`. */
  terminals: TerminalKind[];
  /** Says which module failed and how; absent where the first one works. */
  note?: string;
}

/** What commands need of the machine, looked for once and shared by all jobs of a worker. */
export interface TerminalTools {
  readonly log: TerminalLog;
  /** What interactive jobs will get here. Tried out in a process of its own, so that this one loads nothing. */
  available(): Promise<AvailableTerminals>;
  /** Loads the PTY module at the first call. Never rejects. */
  loadPty(): Promise<PtyChoice>;
  findBash(): string | undefined;
  /** Path of script(1) of util-linux, whose options others do not have. */
  findScript(): Promise<string | undefined>;
}

export interface TerminalToolsOptions {
  log: TerminalLog;
  /** What `import()` takes, best first. */
  ptyModules?: readonly string[];
  bashFiles?: readonly string[];
  scriptFiles?: readonly string[];
}

/** To be made once by a door. */
export function createTerminalTools(options: TerminalToolsOptions): TerminalTools {
  const modules = options.ptyModules ?? ptyModules;
  const bashFiles = options.bashFiles ?? ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash'];
  const scriptFiles = options.scriptFiles ?? ['/usr/bin/script', '/bin/script'];
  let pty: Promise<PtyChoice> | undefined;
  let script: Promise<string | undefined> | undefined;
  let available: Promise<AvailableTerminals> | undefined;

  const findBash = () => bashFiles.find(isExecutable);
  const findScript = () => (script ??= findUtilLinuxScript(scriptFiles));
  const probe = async (): Promise<AvailableTerminals> => {
    const found = await probePty(modules);
    const withScript: TerminalKind[] = (await findScript()) === undefined ? [] : ['script'];
    const withPty: TerminalKind[] = found.works && findBash() !== undefined ? ['pty'] : [];
    const terminals: TerminalKind[] = [...withPty, ...withScript, 'pipe'];
    return found.note === undefined ? { terminals } : { terminals, note: found.note };
  };
  return {
    log: options.log,
    available: () => (available ??= probe()),
    loadPty: () => (pty ??= choosePtyModule(modules)),
    findBash,
    findScript,
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function findUtilLinuxScript(files: readonly string[]): Promise<string | undefined> {
  const file = files.find(isExecutable);
  if (file === undefined) return undefined;
  try {
    const { stdout } = await promisify(execFile)(file, ['--version'], { timeout: limits.terminalProbeMs });
    return stdout.includes('util-linux') ? file : undefined;
  } catch {
    return undefined;
  }
}

async function probePty(modules: readonly string[]): Promise<{ works: boolean; note?: string }> {
  const program = fileURLToPath(new URL('probe-pty.ts', import.meta.url));
  try {
    const options = { timeout: limits.terminalProbeMs, env: {} };
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...modules], options);
    const [first = '', ...rest] = stdout.split('\n');
    const note = rest.join(' ').trim();
    return note === '' ? { works: first === 'works' } : { works: first === 'works', note };
  } catch {
    // A native module that crashes takes the probe with it, not the worker.
    return { works: false, note: 'The process that tries out pseudo-terminals failed.' };
  }
}
