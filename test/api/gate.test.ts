import { describe, expect, it } from 'vitest';
import { Gate } from '../../src/api/fan-out/gate.ts';

describe('a gate', () => {
  it('lets so many in at once, the others in the order they came, and hands the place of who gave up to the next', async () => {
    const gate = new Gate(1);
    const order: string[] = [];
    const finish: (() => void)[] = [];
    const enter = (name: string, signal?: AbortSignal) =>
      gate.run(async () => {
        order.push(name);
        await new Promise<void>((resolve) => finish.push(resolve));
        return name;
      }, signal);
    const leaving = new AbortController();
    const first = enter('first');
    const second = enter('second', leaving.signal);
    const third = enter('third');
    const late = enter('late', AbortSignal.abort());
    leaving.abort();
    expect(await Promise.all([second, late])).toEqual([null, null]);
    expect(order).toEqual(['first']);
    finish[0]?.();
    expect(await first).toBe('first');
    finish[1]?.();
    expect(await third).toBe('third');
    expect(order).toEqual(['first', 'third']);
    const again = enter('again');
    finish[2]?.();
    expect(await again).toBe('again');
  });
});
