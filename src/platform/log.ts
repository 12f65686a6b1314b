import { destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';

/**
 * The structured log of one process: JSON lines on standard error, since standard output is for people.
 * Written at once, because a line that waits is lost by the crash it would explain.
 */
export function createLog(options: { level: Config['logLevel']; process: string }): Logger {
  const base = { process: options.process, pid: process.pid };
  return pino({ level: options.level, base }, destination({ fd: 2, sync: true }));
}
