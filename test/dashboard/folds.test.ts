import { beforeEach, describe, expect, it } from 'vitest';
import { type Answer, emptyAnswer, nextAnswer } from '../../dashboard/state/answer.ts';
import { type Attempt, nextAttempts } from '../../dashboard/state/attempts.ts';
import { TerminalFeed } from '../../dashboard/state/terminal-feed.ts';
import type { EventDraft, JobEvent } from '../../src/contract/event.ts';
import { problem } from '../../src/contract/problem.ts';

const job = 'job_01jc0000000000000000000000';
const at = '2026-11-22T10:00:00.000Z';
const event = (draft: EventDraft, attempt = 1): JobEvent => ({
  ...draft,
  id: '1-1',
  key: 'key',
  job,
  attempt,
  at,
});
const lost = problem('provider_overloaded', 'The model is overloaded.');

describe('the attempts of a job', () => {
  const fold = (events: JobEvent[]) => events.reduce<readonly Attempt[]>(nextAttempts, []);

  it('are one for each start, with how it ended and when the next follows', () => {
    const attempts = fold([
      event({ type: 'job.started', data: { worker: 'w1' } }),
      event({ type: 'attempt.failed', data: { error: lost, retryInMs: 1000 } }),
      event({ type: 'job.started', data: { worker: 'w2', note: 'odd' } }, 2),
      event({ type: 'job.ended', data: { status: 'succeeded', result: null, error: null, usage: null } }, 2),
    ]);
    expect(attempts).toMatchObject([
      { number: 1, worker: 'w1', endedAt: at, error: lost, retryInMs: 1000 },
      { number: 2, worker: 'w2', endedAt: at, error: null, note: 'odd' },
    ]);
  });

  it('that a dead worker left are closed by the next', () => {
    const attempts = fold([
      event({ type: 'job.started', data: { worker: 'w1' } }),
      event({ type: 'output.reset', data: { reason: 'lost' } }, 2),
      event({ type: 'job.started', data: { worker: 'w2' } }, 2),
    ]);
    expect(attempts.map(({ endedAt }) => endedAt)).toEqual([at, null]);
  });
});

describe('the answer of a model', () => {
  const fold = (events: JobEvent[]) => events.reduce<Answer>(nextAnswer, emptyAnswer);
  const text = (piece: string) => event({ type: 'text.delta', data: { text: piece } });

  it('begins anew when what came before does not count', () => {
    const answer = fold([
      text('wrong'),
      event({ type: 'output.reset', data: { reason: 'retry' } }),
      text('ri'),
      text('ght'),
    ]);
    expect(answer.text).toBe('right');
  });

  it('is whole at the end, whatever of it was no longer kept', () => {
    const result = { text: 'the whole', model: 'a/b', finishReason: 'stop' as const, toolCalls: [] };
    const answer = fold([
      text('le'),
      event({ type: 'job.ended', data: { status: 'succeeded', result, error: null, usage: null } }),
    ]);
    expect(answer.text).toBe('the whole');
  });
});

describe('the news of a terminal', () => {
  const bytes = (text: string) => ({ bytes: new TextEncoder().encode(text) });
  const seen: string[] = [];
  const drawn: (() => void)[] = [];
  const screen = {
    write: (piece: Uint8Array, done: () => void) => {
      seen.push(piece.length > 100 ? `${piece.length} bytes` : new TextDecoder().decode(piece));
      drawn.push(done);
    },
    resize: ({ cols, rows }: { cols: number; rows: number }) => seen.push(`${cols}x${rows}`),
    reset: () => seen.push('reset'),
  };
  beforeEach(() => {
    seen.length = 0;
    drawn.length = 0;
  });

  const draw = () => {
    while (drawn.length > 0) drawn.shift()?.();
  };

  it('wait for the screen in order, and then go straight to it', () => {
    const feed = new TerminalFeed(100);
    feed.take(bytes('first'));
    feed.take({ size: { cols: 100, rows: 30 } });
    feed.take(bytes('second'));
    feed.attach(screen);
    draw();
    feed.take(bytes('live'));
    draw();
    feed.reset();
    expect(seen).toEqual(['first', '100x30', 'second', 'live', 'reset']);
  });

  it('change the screen itself only when it has drawn what came before', () => {
    const feed = new TerminalFeed(100);
    feed.attach(screen);
    feed.take(bytes('long'));
    feed.take({ size: { cols: 100, rows: 30 } });
    feed.take(bytes('wide'));
    expect(seen).toEqual(['long']);
    draw();
    expect(seen).toEqual(['long', '100x30', 'wide']);
    feed.take(bytes('late'));
    feed.restore({ cols: 80, rows: 24, serialized: 'restored' });
    feed.take(bytes('after'));
    expect(seen.slice(3)).toEqual(['late']);
    draw();
    expect(seen.slice(3)).toEqual(['late', 'reset', '80x24', 'restored', 'after']);
  });

  it('are the newest where not all could be held, on a screen that begins anew', () => {
    const feed = new TerminalFeed(10);
    for (const text of ['dropped', 'kept', 'kept5']) feed.take(bytes(text));
    feed.attach(screen);
    expect(seen).toEqual(['reset', 'kept', 'kept5']);
  });

  it('are not heaped on a screen that draws more slowly than they come', () => {
    const feed = new TerminalFeed(3 * 1024 * 1024);
    const block = { bytes: new Uint8Array(1024 * 1024) };
    feed.attach(screen);
    for (let count = 0; count < 10; count += 1) feed.take(block);
    expect(seen).toEqual(['1048576 bytes']);
    while (drawn.length > 0) drawn.shift()?.();
    expect(seen).toEqual(['1048576 bytes', 'reset', '1048576 bytes', '1048576 bytes', '1048576 bytes']);
  });
});
