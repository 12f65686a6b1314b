import type { ComponentChildren } from 'preact';
import type { Job } from '../../src/contract/job.ts';
import type { CommandResult } from '../../src/contract/result.ts';
import type { Attempt } from '../state/attempts.ts';
import { useNow } from '../state/clock.ts';
import { withQuery } from '../state/list-query.ts';
import { bytesWord, timeOf } from '../state/words.ts';

/** What there is to know about a job beside its output. What is not known yet is left out. */
export function JobFacts({ job, attempts }: { job: Job; attempts: readonly Attempt[] }) {
  const now = useNow();
  const { spec, result, usage } = job;
  const last = attempts.at(-1);
  const at = (time: string | null) => time && <time dateTime={time}>{timeOf(time, now)}</time>;
  return (
    <section>
      <h2>About</h2>
      <dl class="facts">
        <Fact name="Kind">{kindOf(job)}</Fact>
        {spec.type === 'prompt' && <Fact name="Model">{spec.model}</Fact>}
        {result && 'exitCode' in result && <Fact name="Exit">{exitOf(result)}</Fact>}
        {result && 'finishReason' in result && <Fact name="Finish">{finishWords[result.finishReason]}</Fact>}
        {usage && <Fact name="Tokens">{`${usage.inputTokens} in, ${usage.outputTokens} out`}</Fact>}
        {usage?.costUsd != null && <Fact name="Cost">{costOf(usage.costUsd)}</Fact>}
        {result && 'outputBytes' in result && (
          <Fact name="Output">{`${bytesWord(result.outputBytes)}${result.truncated ? ', not all kept' : ''}`}</Fact>
        )}
        {result && 'sandbox' in result && <Fact name="Shut in">{levelWords[result.sandbox]}</Fact>}
        {result && 'resources' in result && <Fact name="Used">{usedOf(result.resources)}</Fact>}
        <Fact name="Submitted">{at(job.createdAt)}</Fact>
        <Fact name="Due">{at(dueOf(job))}</Fact>
        <Fact name="Started">{at(job.startedAt)}</Fact>
        <Fact name="Ended">{at(job.finishedAt)}</Fact>
        {spec.type === 'command' && spec.cwd !== undefined && (
          <Fact name="Folder">
            <code>{spec.cwd}</code>
          </Fact>
        )}
        {last && <Fact name="Worker">{last.worker}</Fact>}
        {spec.type === 'command' && spec.env !== undefined && (
          <Fact name="Variables">
            <code>{Object.keys(spec.env).join(' ')}</code>
          </Fact>
        )}
        {job.tags.length > 0 && (
          <Fact name="Tags">
            {job.tags.map((tag) => (
              <a key={tag} class="tag" href={withQuery({ tag })}>{`#${tag}`}</a>
            ))}
          </Fact>
        )}
        {job.retryOf && (
          <Fact name="Copy of">
            <a href={`/jobs/${job.retryOf}`}>{shortId(job.retryOf)}</a>
          </Fact>
        )}
        <Fact name="Id">
          <code class="id">{job.id}</code>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (children === null || children === false || children === '') return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const finishWords = {
  stop: 'complete',
  length: 'cut off at its longest',
  tool_calls: 'waits for tools',
  content_filter: 'stopped by a filter',
} as const;

const levelWords = {
  sandbox: 'in a sandbox',
  user: 'as a user of its own',
  none: 'not at all',
} as const;

const terminalWords = {
  pty: 'in a terminal',
  script: 'in a terminal, through script',
  pipe: 'over pipes',
} as const;

function kindOf({ spec, result }: Job): string {
  if (spec.type === 'prompt') return 'Prompt';
  const terminal = result && 'terminal' in result ? result.terminal : spec.interactive ? 'pty' : 'pipe';
  return `Command ${terminalWords[terminal]}`;
}

function costOf(dollars: number): string {
  return dollars === 0 ? 'nothing' : `$${dollars.toFixed(4)}`;
}

function exitOf({ exitCode, signal }: { exitCode: number | null; signal: string | null }): string {
  return signal === null ? `code ${exitCode ?? 'unknown'}` : `by ${signal}`;
}

function usedOf(resources: CommandResult['resources']): string {
  if (resources === null) return '';
  const { maxRssBytes, cpuMs } = resources;
  const parts = [
    maxRssBytes === null ? '' : `${bytesWord(maxRssBytes)} of memory`,
    cpuMs === null ? '' : `${(cpuMs / 1000).toFixed(2)} s of CPU`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** When a job that was submitted for later is to start. */
function dueOf({ spec, createdAt, startedAt, finishedAt }: Job): string | null {
  if (!spec.delayMs || startedAt !== null || finishedAt !== null) return null;
  return new Date(Date.parse(createdAt) + spec.delayMs).toISOString();
}

function shortId(id: string): string {
  return `…${id.slice(-8)}`;
}
