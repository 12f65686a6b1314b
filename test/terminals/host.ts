import { readdirSync } from 'node:fs';
import type { Client } from '../../src/client/http.ts';
import type { CommandSubmission } from '../../src/contract/job.ts';
import type { SandboxLevel } from '../../src/contract/result.ts';
import { readOrEmpty } from '../../src/platform/read-or-empty.ts';
import { outputOf } from '../support/service.ts';
import { until } from '../support/until.ts';

/** Processes of this machine whose command line holds `mark`: found by nothing of the service's own. */
export function processesWith(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readOrEmpty(`/proc/${pid}/cmdline`, 'latin1').includes(mark))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

/** Resident bytes of a process. */
export function residentBytes(pid: number): number {
  return Number(readOrEmpty(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * 4096;
}

/** Submits a command and waits until its output holds `text`. */
export async function submitUntil(
  client: Client,
  submission: Omit<CommandSubmission, 'type'>,
  text: string,
): Promise<string> {
  const { id } = await client.submit({ type: 'command', ...submission });
  await untilOutput(client, id, text);
  return id;
}

export async function untilOutput(client: Client, id: string, text: string): Promise<void> {
  await until(async () => {
    const said = outputOf((await client.events(id, { limit: 1000 })).events);
    if (said.includes(text)) return true;
    const job = await client.job(id);
    if (job.finishedAt === null) return false;
    throw new Error(`Job ${id} ended before it wrote ${JSON.stringify(text)}: ${said} ${job.error?.detail}`);
  }, `job ${id} writes ${text}`);
}

/** The level that commands are shut in at. */
export async function levelOf(client: Client): Promise<SandboxLevel> {
  return (await client.capabilities()).items[0]?.sandbox ?? 'none';
}

/** Runs a command to its end. */
export async function run(client: Client, submission: Omit<CommandSubmission, 'type'>) {
  const { id } = await client.submit({ type: 'command', ...submission });
  await until(async () => (await client.job(id)).finishedAt !== null, `job ${id} ends`, 90_000);
  const job = await client.job(id);
  const output = await (await client.output(id)).text();
  return { job, output };
}
