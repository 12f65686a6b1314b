import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { ListQuery } from '../../src/contract/http.ts';
import type { JobStatus } from '../../src/contract/job.ts';
import { jobTypeOf, withQuery } from '../state/list-query.ts';
import { useShortcuts } from '../state/shortcuts.ts';
import { statusWords } from '../state/words.ts';
import { Icon } from './icon.tsx';

interface JobFiltersProps {
  query: ListQuery;
  change(query: ListQuery): void;
}

const shown: (JobStatus | undefined)[] = [
  undefined,
  'running',
  'queued',
  'delayed',
  'succeeded',
  'failed',
  'cancelled',
];

export function JobFilters({ query, change }: JobFiltersProps) {
  const { page: _, ...filters } = query;
  return (
    <div class="filters">
      <nav class="tabs" aria-label="Status">
        {shown.map((status) => (
          <a
            key={status ?? 'all'}
            href={withQuery({ ...filters, status })}
            aria-current={query.status === status ? 'true' : undefined}
          >
            {status === undefined ? 'All' : statusWords[status]}
          </a>
        ))}
      </nav>
      <div class="filters-end">
        {query.tag !== undefined && (
          <a class="button" href={withQuery({ ...filters, tag: undefined })} title="Show jobs of any tag">
            #{query.tag} <Icon name="remove" />
          </a>
        )}
        <label>
          <span class="unseen">Kind of job</span>
          <select
            value={query.type ?? ''}
            onChange={({ currentTarget }) => {
              const { type: __, ...rest } = filters;
              const type = jobTypeOf(currentTarget.value);
              change(type === undefined ? rest : { ...rest, type });
            }}
          >
            <option value="">All kinds</option>
            <option value="command">Commands</option>
            <option value="prompt">Prompts</option>
          </select>
        </label>
        <Search query={filters} change={change} />
      </div>
    </div>
  );
}

const settleMs = 250;

/** Searches while one types, a moment after the last key. */
function Search({ query, change }: JobFiltersProps) {
  const [text, setText] = useState(query.q ?? '');
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useShortcuts({ '/': () => field.current?.focus() });
  // What else was filtered by when the moment is over, not when it began.
  const newest = useRef(query);
  newest.current = query;
  // Who has gone on to another page is not called back, even while that page is still being fetched.
  const { path } = useLocation();
  useEffect(() => () => clearTimeout(timer.current), [path]);
  // Another address, such as by Back, brings another text; what was written here brought the address.
  const written = useRef(query.q ?? '');
  useEffect(() => {
    const q = query.q ?? '';
    if (q === written.current) return;
    written.current = q;
    setText(q);
  }, [query.q]);
  const settle = (q: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const { q: _, ...rest } = newest.current;
      written.current = q;
      change(q === '' ? rest : { ...rest, q });
    }, settleMs);
  };
  return (
    <label class="search">
      <Icon name="search" />
      <span class="unseen">Search in commands and prompts</span>
      <input
        type="search"
        placeholder="Search  /"
        maxLength={256}
        value={text}
        ref={field}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          settle(currentTarget.value);
        }}
      />
    </label>
  );
}
