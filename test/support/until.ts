import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `holds` answers true, and fails with what was waited for after `withinMs`. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`After ${withinMs} ms it is still not true that ${what}.`);
    await sleep(20);
  }
}
