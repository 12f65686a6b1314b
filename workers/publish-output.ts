import { limits } from '../src/contract/limits.ts';
import type { Attempt } from './attempt.ts';
import { OutputDecoder } from './decode-output.ts';
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
  transcript: Transcript,
): Promise<PublishedOutput> {
  const decoders = new Map<OutputChunk['stream'], OutputDecoder>();
  let outputBytes = 0;
  let truncated = false;
  for await (const { stream, bytes } of output) {
    attempt.limits.touch();
    outputBytes += bytes.length;
    if (truncated) continue;
    if (outputBytes > limits.outputBytesMax) {
      truncated = true;
      transcript.emit({ type: 'output.truncated', data: { limitBytes: limits.outputBytesMax } });
      continue;
    }
    const decoder = decoders.get(stream) ?? new OutputDecoder(stream);
    decoders.set(stream, decoder);
    for (const data of decoder.push(bytes)) transcript.emit({ type: 'output.delta', data });
    if (transcript.isFull()) await attempt.limits.hold(transcript.room());
  }
  for (const decoder of decoders.values()) {
    for (const data of decoder.end()) transcript.emit({ type: 'output.delta', data });
  }
  return { outputBytes, truncated };
}
