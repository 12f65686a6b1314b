import type { JobEvent } from '../contract/event.ts';
import type { EventPage } from '../contract/stream.ts';
import { formatCursor, type Position } from '../core/cursor.ts';
import { decideStart } from '../core/merge.ts';
import { Frame } from './fan-out/frame.ts';
import { patience } from './patience.ts';
import { jobNotFound, requireJob } from './require-job.ts';
import type { Services } from './services.ts';

export interface PageRequest {
  after: Position | null;
  limit: number;
  /** How long to wait for a first event where there is none yet. */
  waitMs: number;
}

/** One page of a job's log; waits for news where the reader has everything and the job goes on. */
export async function readEventPage(
  services: Services,
  job: string,
  request: PageRequest,
): Promise<EventPage> {
  let news = () => {};
  const attachment =
    request.waitMs > 0 ? services.hub.attach(job, { onArrival: () => news(), onDoubt: () => news() }) : null;
  const waiting = patience(request.waitMs, services.draining);
  try {
    await Promise.race([attachment?.subscribed, waiting.over]);
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        news = resolve;
      });
      const page = await readOnce(services, job, request);
      if (page.events.length > 0 || page.notices.length > 0 || page.ended || waiting.isOver()) return page;
      await Promise.race([changed, waiting.over]);
    }
  } finally {
    waiting.end();
    attachment?.detach();
  }
}

async function readOnce(services: Services, job: string, { after, limit }: PageRequest): Promise<EventPage> {
  let page = await services.log.read(job, after?.seq ?? 0, limit);
  if (page === null) throw jobNotFound(job);
  const { epoch } = page;
  const notices: EventPage['notices'] = [];
  const start = decideStart(after ?? { epoch, seq: 0 }, page);
  let seq = after?.seq ?? 0;
  if (start.kind === 'reset') {
    notices.push({ type: 'history.reset', data: { epoch, job: await requireJob(services, job) } });
    seq = 0;
    page = (await services.log.read(job, 0, limit)) ?? page;
  } else if (start.kind === 'truncated') {
    const at = (place: number) => formatCursor({ epoch, seq: place });
    notices.push({
      type: 'history.truncated',
      data: {
        from: at(start.from),
        to: at(start.to),
        oldest: at(start.to + 1),
        job: await requireJob(services, job),
      },
    });
    seq = start.to;
  }
  const last = page.entries.at(-1)?.seq ?? seq;
  return {
    events: page.entries.map((entry) => JSON.parse(new Frame(epoch, entry).json) as JobEvent),
    next: formatCursor({ epoch, seq: last }),
    ended: page.done && last === page.seq,
    notices,
  };
}
