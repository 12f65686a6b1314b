import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followStubbornly } from '../support/following.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('a reader that is cut off again and again', () => {
  it('has every one of 20,000 lines once and in order, after 50 cuts and more', async () => {
    // 4 MB: however slowly they are read, they do not fit into fewer than 120 events.
    const { id } = await service.submit({
      type: 'command',
      shell:
        'i=0; while [ $i -lt 200 ]; do seq -f %0200.0f $((i * 100 + 1)) $((i * 100 + 100)); i=$((i + 1)); sleep 0.01; done',
    });
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`.padStart(201, '0')).join('');
    const url = `${service.baseUrl}/v1/jobs/${id}/events`;
    let cuts = 0;
    const cutAfter = () => {
      cuts += 1;
      return cuts <= 60 ? 1 : 1 + Math.floor(Math.random() * 4);
    };
    const { events, connections, controls } = await followStubbornly(
      url,
      { authorization: `Bearer ${apiKey}` },
      cutAfter,
    );
    expect(connections).toBeGreaterThan(50);
    expect(controls.filter((type) => type !== 'caught.up')).toEqual([]);
    expect(outputOf(events) === lines).toBe(true);
    expect(events.map((event) => Number(event.id.split('-')[1]))).toEqual(
      events.map((_, index) => index + 1),
    );
    expect(events).toEqual(await service.events(id));
  });
});
