/** One figure, that of the bare program where there is one, and what was wanted. */
interface Figure {
  what: string;
  ours: number;
  bare?: number;
  /** How they compare, in words. */
  compared?: string;
  goal: string;
  isMet: boolean;
}

/** Prints it as a line of a table. */
export function tell({ what, ours, bare, compared = '', goal, isMet }: Figure): void {
  const numbers = [ours.toFixed(2), bare?.toFixed(2) ?? ''].map((text) => text.padStart(8)).join(' ');
  const line = `${what.padEnd(52)} ${numbers} ${compared.padStart(8)}  ${goal} ${isMet ? 'met' : 'MISSED'}\n`;
  process.stdout.write(line);
}
