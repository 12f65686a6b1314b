import { destination, type Logger, pino } from 'pino';
import type { Config } from './config.ts';
import type { KnownSecrets } from './known-secrets.ts';

/**
 * The structured log of one process: JSON lines on standard error, since standard output is for people.
 * Written at once, because a line that waits is lost by the crash it would explain.
 */
export function createLog(options: {
  level: Config['logLevel'];
  process: string;
  /** What no line may hold; more may become known later. */
  secrets: KnownSecrets;
}): Logger {
  const base = { process: options.process, pid: process.pid };
  const standardError = destination({ fd: 2, sync: true });
  // A closed terminal must not end a process that has jobs to finish.
  standardError.on('error', () => undefined);
  const hooks = { streamWrite: (line: string) => options.secrets.mask(line) };
  return pino({ level: options.level, base, hooks }, standardError);
}
