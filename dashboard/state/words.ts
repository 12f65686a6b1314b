import type { Job, JobSpec, JobStatus } from '../../src/contract/job.ts';
import type { Message } from '../../src/contract/prompt.ts';
import { textOfMessage } from '../../src/core/message-text.ts';

/** What each status is called. */
export const statusWords: Record<JobStatus, string> = {
  delayed: 'Delayed',
  queued: 'Queued',
  running: 'Running',
  waiting: 'Needs you',
  succeeded: 'Succeeded',
  failed: 'Failed',
  cancelled: 'Cancelled',
};
export const statuses = Object.keys(statusWords) as JobStatus[];

const titleCharacters = 300;

/** The first line of what the job does: its command, or its prompt. */
export function titleOf(spec: JobSpec): string {
  const text = spec.type === 'command' ? commandOf(spec) : promptOf(spec);
  const first = text.trimStart().split('\n', 1)[0] ?? '';
  return first.slice(0, titleCharacters);
}

/** The command as it would be typed. */
export function commandOf(spec: Extract<JobSpec, { type: 'command' }>): string {
  return spec.shell ?? (spec.argv ?? []).map(quoted).join(' ');
}

/** What was said before the answer, by the person and by the model. */
export function messagesOf({ prompt, messages }: Extract<JobSpec, { type: 'prompt' }>): readonly Message[] {
  return messages ?? [{ role: 'user', content: prompt ?? '' }];
}

/** The newest thing the person said to the model. */
function promptOf(spec: Extract<JobSpec, { type: 'prompt' }>): string {
  const newest = messagesOf(spec).findLast(({ role }) => role === 'user');
  return newest === undefined ? '' : textOfMessage(newest);
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** `< 0.1 s`, `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function durationOf(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 0.1) return '< 0.1 s';
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long the job has run, or ran; null while it waits to be started, also anew. */
export function runMs(job: Job, now: number): number | null {
  if (job.startedAt === null || job.status === 'delayed' || job.status === 'queued') return null;
  const end = job.finishedAt === null ? now : Date.parse(job.finishedAt);
  return end - Date.parse(job.startedAt);
}

export function isFinished({ finishedAt }: Job): boolean {
  return finishedAt !== null;
}

/** `14:03:22` today, with the day otherwise. */
export function timeOf(at: string, now: number): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString(undefined, { hour12: false });
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday
    ? time
    : `${date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${time}`;
}

export function bytesWord(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
