import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * At the first signal that asks this process to stop, cleans up and then ends as the signal would have ended it, after
 * what is to be done at its exit. Signals that follow are ignored: one Ctrl-C comes twice where it is also passed
 * on, and an impatient second one would leave behind what the cleaning has not reached yet.
 */
export function onInterruption(clean: (signal: NodeJS.Signals) => Promise<void>): void {
  let isStopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (isStopping) return;
    isStopping = true;
    await Promise.race([clean(signal).catch(() => {}), sleep(cleanMsMax)]);
    endBy(signal);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => void stop(name));
}

/** What has not ended by then hangs. */
const cleanMsMax = 30_000;

function endBy(signal: NodeJS.Signals): void {
  process.once('exit', () => {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
  process.exit(128 + constants.signals[signal]);
}
