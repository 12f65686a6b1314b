import type { JobEvent } from '../contract/event.ts';
import type { EventPage } from '../contract/stream.ts';
import { formatCursor, type Position } from '../core/cursor.ts';
import { decideStart } from '../core/merge.ts';
import type { LogPage } from '../store/ports.ts';
import { envelope } from './fan-out/frames.ts';
import { noticeOf } from './fan-out/notice.ts';
import { patience } from './patience.ts';
import { jobNotFound, requireJob } from './require-job.ts';
import type { Services } from './services.ts';

export interface PageRequest {
  after: Position | null;
  limit: number;
  /** How long to wait for a first event where there is none yet. */
  waitMs: number;
}

/**
 * One page of a job's log; waits for news where the reader has everything and the job goes on. Nothing is subscribed
 * to for a job that does not exist, or a page that is there.
 * @throws ProblemError job_not_found
 */
export async function readEventPage(
  services: Services,
  job: string,
  request: PageRequest,
): Promise<EventPage> {
  const page = await readOnce(services, job, request);
  return saysSomething(page) || request.waitMs <= 0 ? page : waitForNews(services, job, request);
}

async function waitForNews(services: Services, job: string, request: PageRequest): Promise<EventPage> {
  let news = () => {};
  const attachment = services.hub.attach(job, { onArrival: () => news(), onDoubt: () => news() });
  const waiting = patience(request.waitMs, services.draining);
  try {
    await Promise.race([attachment.subscribed, waiting.over]);
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        news = resolve;
      });
      const page = await readOnce(services, job, request);
      if (saysSomething(page) || waiting.isOver()) return page;
      await Promise.race([changed, waiting.over]);
    }
  } finally {
    waiting.end();
    attachment.detach();
  }
}

function saysSomething({ events, notices, ended }: EventPage): boolean {
  return events.length > 0 || notices.length > 0 || ended;
}

async function readOnce(services: Services, job: string, { after, limit }: PageRequest): Promise<EventPage> {
  const notices: EventPage['notices'] = [];
  let page = await readLog(services, job, { afterSeq: after?.seq ?? 0, limit });
  let position = after ?? { epoch: page.epoch, seq: 0 };
  let start = decideStart(position, page);
  if (start.kind === 'reset') {
    // The log may have moved on, even to another epoch: what is told is of the page that is answered.
    page = await readLog(services, job, { afterSeq: 0, limit });
    position = { epoch: page.epoch, seq: 0 };
    start = decideStart(position, page);
    notices.push(noticeOf({ kind: 'reset', epoch: page.epoch }, await requireJob(services, job)));
  }
  const { epoch } = page;
  if (start.kind === 'truncated') {
    notices.push(noticeOf({ ...start, epoch }, await requireJob(services, job)));
    position = { epoch, seq: start.to };
  }
  const last = page.entries.at(-1)?.seq ?? position.seq;
  return {
    events: page.entries.map((entry) => JSON.parse(envelope(epoch, entry)) as JobEvent),
    next: formatCursor({ epoch, seq: last }),
    ended: page.done && last === page.seq,
    notices,
  };
}

async function readLog(
  { log }: Services,
  job: string,
  { afterSeq, limit }: { afterSeq: number; limit: number },
): Promise<LogPage> {
  const page = await log.read(job, afterSeq, limit);
  if (page === null) throw jobNotFound(job);
  return page;
}
