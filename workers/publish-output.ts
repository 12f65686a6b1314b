import { setImmediate as nextTurn } from 'node:timers/promises';
import { limits } from '../src/contract/limits.ts';
import type { Patterns } from '../src/platform/redact.ts';
import type { Attempt } from './attempt.ts';
import { KeptOutput } from './kept-output.ts';
import { OutputStream } from './output-stream.ts';
import type { OutputChunk } from './terminal/terminal.ts';
import type { Transcript } from './transcript.ts';

/** What came of the output of a command. */
export interface PublishedOutput {
  /** All the command wrote, kept or not. */
  outputBytes: number;
  truncated: boolean;
}

/** Makes events of everything a command writes, to the last byte, and holds the command up while they cannot be sent. */
export async function publishOutput(
  attempt: Pick<Attempt, 'limits'>,
  output: AsyncIterable<OutputChunk>,
  { transcript, patterns }: { transcript: Transcript; patterns: Patterns | null },
): Promise<PublishedOutput> {
  const kept = new KeptOutput(transcript);
  const streams = new Map<OutputChunk['stream'], OutputStream>();
  const emit = (piece: Parameters<KeptOutput['take']>[0]) => kept.take(piece);
  let outputBytes = 0;
  try {
    for await (const { stream: name, bytes } of output) {
      attempt.limits.touch();
      outputBytes += bytes.length;
      if (kept.isFull && !transcript.answers) continue;
      const stream = streams.get(name) ?? new OutputStream(name, { patterns, emit });
      streams.set(name, stream);
      const startedAt = performance.now();
      stream.take(bytes);
      // Many long secrets take long to look for, and chunks that wait come without a turn of the event loop.
      if (performance.now() - startedAt > limits.outputTurnMs) await nextTurn();
      if (transcript.isFull()) await attempt.limits.hold(transcript.room());
    }
  } finally {
    for (const stream of streams.values()) stream.end();
  }
  return { outputBytes, truncated: kept.isFull };
}
