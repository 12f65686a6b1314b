import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/http.ts';
import { ClientProblem, mayPass } from '../../src/client/problem.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { CommandSubmission, Job } from '../../src/contract/job.ts';
import { outputOf } from '../support/service.ts';

/** Says the numbers from 1 to `lines`, one every `everyMs`. `each` is done beside every number. */
export function counting(lines: number, everyMs: number, each = ':'): CommandSubmission {
  // Nothing is ever written to the pipe at 9: waiting for it costs no process, as `sleep` would.
  const wait = `read -rt ${everyMs / 1000} -u 9`;
  return {
    type: 'command',
    shell: `exec 9<> <(:); for ((i = 1; i <= ${lines}; i += 1)); do echo $i; ${each}; ${wait}; done; true`,
  };
}

/** Says the numbers from 1 on, one every `everyMs`, until the file `over` is there. */
export function countingUntil(over: string, everyMs: number, each = ':'): CommandSubmission {
  return counting(1_000_000, everyMs, `${each}; [ -e ${over} ] && break`);
}

/** What `counting` says. */
export function counted(lines: number): string {
  return Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join('');
}

/** Fails where the events do not hold exactly this output. */
export function expectOutput(events: readonly JobEvent[], wanted: string, whose: string): void {
  const found = outputOf(events);
  if (found === wanted) return;
  let at = 0;
  while (found[at] === wanted[at]) at += 1;
  const near = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 20));
  throw new Error(`${whose} has another output: ${near(found)} where ${near(wanted)} was said.`);
}

/** Fails where the events hold anything else than the numbers from 1 on. */
export function expectCounting(events: readonly JobEvent[], whose: string): void {
  const lines = outputOf(events).trimEnd().split('\n').length;
  expectOutput(events, counted(lines), whose);
}

export function count(events: readonly JobEvent[], type: JobEvent['type']): number {
  return events.filter((event) => event.type === type).length;
}

/** Submits once, as often as it takes: Redis or an API may be away. */
export async function submit(client: Client, submission: CommandSubmission): Promise<Job> {
  const idempotencyKey = randomUUID();
  for (;;) {
    try {
      return await client.submit(submission, { idempotencyKey });
    } catch (error) {
      if (error instanceof ClientProblem && !mayPass(error.problem)) throw error;
      await sleep(100);
    }
  }
}
