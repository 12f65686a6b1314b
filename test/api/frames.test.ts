import { describe, expect, it } from 'vitest';
import { Frames } from '../../src/api/fan-out/frames.ts';

const entries = [
  { seq: 41, type: 'output.delta', payload: '{"key":"j/w1/40","data":{"text":"\u4f60\u597d"}}' },
  { seq: 42, type: 'job.ended', payload: '{"key":"j/w1/41","data":{}}' },
];
const frames = new Frames(7, entries);

describe('events on their way out', () => {
  it('stand in a stream of Server-Sent Events one behind the other', () => {
    expect(frames.sse.toString()).toBe(
      [
        'id: 7-41\nevent: output.delta\ndata: {"id":"7-41","key":"j/w1/40","data":{"text":"\u4f60\u597d"}}\n\n',
        'id: 7-42\nevent: job.ended\ndata: {"id":"7-42","key":"j/w1/41","data":{}}\n\n',
      ].join(''),
    );
  });

  it('are a message each on a WebSocket', () => {
    expect(frames.webSocket.map((message) => JSON.parse(message.toString()))).toEqual([
      { op: 'event', event: { id: '7-41', key: 'j/w1/40', data: { text: '\u4f60\u597d' } } },
      { op: 'event', event: { id: '7-42', key: 'j/w1/41', data: {} } },
    ]);
  });

  it('are encoded once, also for those who get all of them later', () => {
    expect(frames.from(0).sse).toBe(frames.sse);
    expect(frames.from(0).webSocket).toBe(frames.webSocket);
  });

  it('may begin later for a reader that has the first already', () => {
    expect(frames.from(1).sse.toString()).toMatch(/^id: 7-42\n/);
    expect(frames.from(1).entries).toEqual(entries.slice(1));
  });
});
