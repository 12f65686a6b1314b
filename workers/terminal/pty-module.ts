import { ProblemError } from '../../src/contract/problem.ts';
import { type OpenPty, openPtyDevice } from './pty-device.ts';

/** The module that opens pseudo-terminals here, or why there is none. */
export interface PtyChoice {
  open: OpenPty | null;
  /** Says which module failed and how; absent where the first one works. */
  note?: string;
}

/** Best first: built for this machine, then the same one prebuilt. */
export const ptyModules: readonly string[] = ['node-pty', '@lydell/node-pty'];

/**
 * Imports the first module that really opens a terminal. Never rejects.
 * @param specifiers what `import()` takes.
 */
export async function choosePtyModule(specifiers: readonly string[]): Promise<PtyChoice> {
  const faults: string[] = [];
  for (const specifier of specifiers) {
    try {
      const open = toOpen(await import(specifier));
      openPtyDevice(open, { cols: 80, rows: 24 }).close();
      return faults.length === 0 ? { open } : { open, note: `${faults.join(' ')} ${specifier} is used.` };
    } catch (error) {
      faults.push(`${specifier} failed: ${firstLine(error)}.`);
    }
  }
  return { open: null, note: faults.join(' ') };
}

/** CommonJS modules come as the default export. */
function toOpen(module: { open?: unknown; default?: { open?: unknown } }): OpenPty {
  const open = module.open ?? module.default?.open;
  if (typeof open !== 'function') throw new ProblemError('spawn_failed', 'It has no function open.');
  return (options) => Reflect.apply(open, module.default ?? module, [options]);
}

/** Messages of native modules go on for lines, and name paths of this machine in them. */
function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [line = ''] = text.split('\n');
  return line
    .replace(/ imported from .*/, '')
    .replace(/[. ]+$/, '')
    .slice(0, 200);
}
