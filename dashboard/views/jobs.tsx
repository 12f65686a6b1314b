import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { JobFilters } from '../parts/job-filters.tsx';
import { JobRows } from '../parts/job-rows.tsx';
import { NoWorkers } from '../parts/no-workers.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { SampleJobs } from '../parts/sample-jobs.tsx';
import { createJobList } from '../state/job-list.ts';
import { isFiltered, listQuery, withQuery } from '../state/list-query.ts';
import { usePageTitle } from '../state/page-title.ts';
import { useServices } from '../state/services.ts';

/** All jobs, newest first, as they are at this moment. */
export function Jobs() {
  usePageTitle('Jobs');
  const { client, link, scroll } = useServices();
  const { route } = useLocation();
  // Not of the location: while the next page is fetched, that is another's, and this one is still here.
  const { query } = useRoute();
  const address = new URLSearchParams(query).toString();
  const asked = useMemo(() => listQuery(query), [address]);
  const list = useMemo(() => createJobList({ client, link, query: asked }), [client, link, asked]);
  useEffect(() => () => list.close(), [list]);
  const page = list.page.value;
  const isThere = page !== null;
  useLayoutEffect(() => {
    if (isThere) scroll.restore();
  }, [isThere, list, scroll]);
  const problem = list.problem.value;
  return (
    <section class="jobs">
      <div class="jobs-head">
        <h1>Jobs</h1>
        <a class="button primary" href="/new">
          New job
        </a>
      </div>
      <JobFilters query={asked} change={(next) => route(withQuery(next), true)} />
      <NoWorkers />
      {problem && <ProblemNote problem={problem} />}
      {page === null ? (
        <p class="loading">Loading the jobs</p>
      ) : page.items.length > 0 ? (
        <JobRows jobs={page.items} />
      ) : (
        <NoJobs filtered={isFiltered(asked)} />
      )}
      <nav class="pager" aria-label="Pages of the list">
        {asked.page !== undefined && (
          <a class="button" href={withQuery({ ...asked, page: undefined })}>
            Newest
          </a>
        )}
        {page?.nextPage != null && (
          <a class="button" href={withQuery({ ...asked, page: page.nextPage })}>
            Older
          </a>
        )}
      </nav>
    </section>
  );
}

function NoJobs({ filtered }: { filtered: boolean }) {
  if (!filtered) return <SampleJobs />;
  return (
    <div class="empty">
      <p>No job fits these filters.</p>
      <a class="button" href="/">
        Show all jobs
      </a>
    </div>
  );
}
