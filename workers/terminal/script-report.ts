import type { CommandExit } from './terminal.ts';

/** What the watcher says through the terminal: `ESC ] 9001 ; nonce ; kind ; a ; b BEL`. */
export type WatchReport =
  | { kind: 'ready'; watcherPid: number }
  | { kind: 'spawned'; commandPid: number }
  | { kind: 'running' }
  | { kind: 'failed'; code: string }
  | { kind: 'ended'; exit: CommandExit };

export interface ReportScannerOptions {
  nonce: string;
  onBytes(bytes: Buffer): void;
  onReport(report: WatchReport): void;
}

/**
 * Cuts reports out of a stream of output. What may be the beginning of one waits for the rest of it;
 * what comes after `ended` is dropped.
 */
export function createReportScanner({
  nonce,
  onBytes,
  onReport,
}: ReportScannerOptions): (bytes: Buffer) => void {
  const opening = Buffer.from(`\u001b]9001;${nonce};`);
  let carry: Buffer = Buffer.alloc(0);
  let ended = false;

  return (bytes) => {
    carry = Buffer.concat([carry, bytes]);
    while (!ended) {
      const at = carry.indexOf(opening);
      const close = at < 0 ? -1 : carry.indexOf(0x07, at);
      if (close < 0) break;
      const report = parseReport(carry.toString('latin1', at + opening.length, close));
      onBytes(carry.subarray(0, at));
      carry = carry.subarray(close + 1);
      ended = report.kind === 'ended';
      onReport(report);
    }
    const safe = ended ? 0 : carry.length - beginningLength(carry, opening);
    onBytes(carry.subarray(0, safe));
    carry = ended ? Buffer.alloc(0) : carry.subarray(safe);
  };
}

function parseReport(text: string): WatchReport {
  const [kind, first = '', second = ''] = text.split(';');
  if (kind === 'ready') return { kind, watcherPid: Number(first) };
  if (kind === 'spawned') return { kind, commandPid: Number(first) };
  if (kind === 'running') return { kind };
  if (kind === 'ended') {
    const exitCode = first === '' ? null : Number(first);
    return { kind, exit: { exitCode, signal: second === '' ? null : second } };
  }
  return { kind: 'failed', code: first };
}

/** Length of the longest end of `bytes` that a report may begin with, and all of one that began. */
function beginningLength(bytes: Buffer, opening: Buffer): number {
  const began = bytes.indexOf(opening);
  if (began >= 0) return bytes.length - began;
  for (let length = Math.min(opening.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(opening.subarray(0, length))) return length;
  }
  return 0;
}
