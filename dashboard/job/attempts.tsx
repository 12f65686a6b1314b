import type { Attempt } from '../state/attempts.ts';
import { useNow } from '../state/clock.ts';
import { durationOf, timeOf } from '../state/words.ts';

/** Every try at running the job, newest first; of a single one the page has said all, but for its note. */
export function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  if (!attempts.some(({ note, number }) => note !== null || number > 1)) return null;
  return (
    <section>
      <h2>Attempts</h2>
      <ol class="attempts" reversed>
        {attempts.toReversed().map((attempt) => (
          <li key={attempt.number}>
            <AttemptRow attempt={attempt} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function AttemptRow({ attempt }: { attempt: Attempt }) {
  const now = useNow();
  const { number, startedAt, endedAt, error, note, retryInMs } = attempt;
  const end = endedAt === null ? now : Date.parse(endedAt);
  return (
    <>
      <div class="attempt-head">
        <strong>Attempt {number}</strong>
        <span class="figure">
          {timeOf(startedAt, now)} · {durationOf(end - Date.parse(startedAt))}
        </span>
      </div>
      {error && <p>{error.title}</p>}
      {retryInMs !== null && <p>The next one after {durationOf(retryInMs)}.</p>}
      {note && <p>{note}</p>}
    </>
  );
}
