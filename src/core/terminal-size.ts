import type { CommandSpec } from '../contract/job.ts';

export interface TerminalSize {
  cols: number;
  rows: number;
}

/** The size that the terminal of a command has at its start: that of a terminal of old, where none is asked for. */
export function terminalSizeOf({ cols = 80, rows = 24 }: CommandSpec): TerminalSize {
  return { cols, rows };
}
