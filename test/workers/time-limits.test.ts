import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Ending } from '../../workers/ending.ts';
import { limitTime } from '../../workers/time-limits.ts';
import { freshFolder, start } from './terminal/run-in-room.ts';

describe('silence', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('counts from the begin of the work, and anew with every sign of life', () => {
    const ending = new Ending();
    const limits = limitTime(ending, { timeoutMs: 100_000, idleTimeoutMs: 1000 });
    vi.advanceTimersByTime(50_000);
    limits.begin();
    vi.advanceTimersByTime(900);
    limits.touch();
    vi.advanceTimersByTime(900);
    expect(ending.cause).toBeNull();
    vi.advanceTimersByTime(200);
    expect(ending.cause).toBe('idle');
    limits.stop();
  });

  it('never ends what has not begun; its whole time does', () => {
    const ending = new Ending();
    const limits = limitTime(ending, { timeoutMs: 10_000, idleTimeoutMs: 1000 });
    vi.advanceTimersByTime(9_999);
    expect(ending.cause).toBeNull();
    vi.advanceTimersByTime(1);
    expect(ending.cause).toBe('timeout');
    limits.stop();
  });
});

describe('a worker that stood still', () => {
  it.each([true, false])(
    'reads what a command said meanwhile before it calls it silent (interactive: %s)',
    async (interactive) => {
      const cwd = freshFolder();
      const line = 'echo alive; touch said; exec sleep 600';
      const command = await start({ shell: line }, { cwd, interactive });
      const ending = new Ending();
      const idleTimeoutMs = 5000;
      const limits = limitTime(ending, { timeoutMs: 600_000, idleTimeoutMs });
      onTestFinished(limits.stop);
      limits.begin();
      standStill(() => existsSync(join(cwd, 'said')), idleTimeoutMs + 100);
      let text = '';
      for await (const { bytes } of command.output) {
        limits.touch();
        text += bytes.toString();
        if (text.includes('alive')) break;
      }
      expect(ending.cause).toBeNull();
    },
  );
});

/** Keeps this process from doing anything else until `holds`, and for `ms` at least. */
function standStill(holds: () => boolean, ms: number): void {
  const begun = performance.now();
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (!holds() || performance.now() - begun < ms) Atomics.wait(never, 0, 0, 20);
}
