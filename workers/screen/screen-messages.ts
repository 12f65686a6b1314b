import type { ScreenSnapshot } from '../../src/contract/screen.ts';
import type { TerminalSize } from '../../src/core/terminal-size.ts';

/** What the worker tells the thread that draws; `screen` numbers the terminals. What is of one is done in order. */
export type ScreenRequest =
  | { op: 'open'; screen: number; size: TerminalSize }
  | { op: 'write'; screen: number; text: string }
  | { op: 'resize'; screen: number; size: TerminalSize }
  | { op: 'snapshot'; screen: number; reply: number }
  | { op: 'close'; screen: number };

/** What the thread tells the worker. */
export type ScreenReply =
  /** So many characters are drawn, or passed over. */
  | { op: 'drawn'; screen: number; length: number }
  /** The terminal answers the program. */
  | { op: 'answer'; screen: number; text: string }
  | { op: 'snapshot'; reply: number; snapshot: ScreenSnapshot | null };
