import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Job } from '../../src/contract/job.ts';
import type { LogLine } from '../../src/core/log-lines.ts';
import { Icon } from '../parts/icon.tsx';
import type { JobModel } from '../state/job-model.ts';
import { isFinished, timeOf } from '../state/words.ts';
import { useFollow } from './use-follow.ts';
import { useVirtualRows } from './use-virtual-rows.ts';
import '../styles/log.css';

const rowHeight = 20;

/** The lines of a command that runs over pipes, its errors marked; smooth however many there are. */
export function LogView({ job, model }: { job: Job; model: JobModel }) {
  const { log } = model;
  const version = log.version.value;
  const [wraps, setWraps] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const { lines, dropped } = log;
  const keyOf = useCallback((index: number) => log.lines[index]?.number ?? index, [log]);
  const rows = useVirtualRows({
    count: lines.length,
    rowHeight,
    scroller,
    keyOf,
  });
  const total = lines.length + dropped;
  const follow = useFollow(scroller, total);
  useLayoutEffect(follow.keep, [version, rows.getTotalSize(), wraps]);
  return (
    <section class="log" aria-label="Output">
      <div class="log-bar">
        <span class="figure">{total === 1 ? '1 line' : `${total.toLocaleString()} lines`}</span>
        {dropped > 0 && <span>{`the first ${dropped.toLocaleString()} are no longer shown`}</span>}
        <label class="tick">
          <input
            type="checkbox"
            checked={wraps}
            onChange={({ currentTarget }) => setWraps(currentTarget.checked)}
          />
          Wrap
        </label>
        <label class="tick">
          <input
            type="checkbox"
            checked={follow.isOn}
            onChange={({ currentTarget }) => follow.set(currentTarget.checked)}
          />
          Follow
        </label>
      </div>
      <div
        class={wraps ? 'log-lines log-wraps' : 'log-lines'}
        ref={scroller}
        onScroll={follow.onScroll}
        role="log"
        aria-live="off"
        aria-label="Lines of the output"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has only a keyboard must be able to scroll
        tabIndex={0}
      >
        {total === 0 && <p class="faint">{silence(job)}</p>}
        <div class="log-space" style={{ height: `${rows.getTotalSize()}px` }}>
          {rows.getVirtualItems().map(({ index, start, key }) => (
            <Line
              key={String(key)}
              line={lines[index]}
              index={index}
              start={start}
              measure={rows.measureElement}
            />
          ))}
        </div>
      </div>
      {!follow.isOn && follow.missed > 0 && (
        <button type="button" class="log-jump" onClick={() => follow.set(true)}>
          <Icon name="down" /> {`Jump to latest (${follow.missed.toLocaleString()} new)`}
        </button>
      )}
    </section>
  );
}

interface LineProps {
  line: LogLine | undefined;
  index: number;
  start: number;
  measure(element: HTMLElement | null): void;
}

function Line({ line, index, start, measure }: LineProps) {
  if (line === undefined) return null;
  const { kind, number, text, at } = line;
  return (
    <div
      class={`line line-${kind}`}
      data-index={index}
      ref={measure}
      style={{ transform: `translateY(${start}px)` }}
      title={timeOf(at, Date.now())}
    >
      <span class="line-number" aria-hidden="true">
        {number}
      </span>
      <span class="line-text">
        {kind === 'stderr' && <span class="unseen">error output: </span>}
        {text}
      </span>
    </div>
  );
}

function silence(job: Job): string {
  if (isFinished(job)) return 'It printed nothing.';
  return job.status === 'running' ? 'It has printed nothing yet.' : 'Its output appears here.';
}
