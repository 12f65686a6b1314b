import { expect, test } from 'vitest';
import { prefersStream } from '../../src/core/prefers-stream.ts';

test.each([
  'text/event-stream',
  'Text/Event-Stream',
  'text/event-stream; charset=utf-8',
  'text/html, text/event-stream;q=0.5',
  'application/json, text/event-stream',
  'text/event-stream, */*',
  'text/event-stream;q=0.5, application/json;q=0.5',
  'text/event-stream;q=0.5, application/json;q=0.4, */*',
  'text/event-stream;Q=1.000',
  'text/event-stream;q=much',
])('"%s" asks for a stream', (accept) => {
  expect(prefersStream(accept)).toBe(true);
});

test.each([
  undefined,
  '',
  '*/*',
  'text/*',
  'application/json',
  'text/event-stream;q=0',
  'text/event-stream; q=0.000',
  'text/event-stream;q=0.5, application/json',
  'TEXT/EVENT-STREAM ; Q=0.9 , APPLICATION/JSON ; Q=0.91',
  'text/event-stream;q=0.5, application/*;q=0.6',
  'text/event-stream;q=0.5, */*',
  'x-text/event-stream',
])('"%s" asks for pages', (accept) => {
  expect(prefersStream(accept)).toBe(false);
});
