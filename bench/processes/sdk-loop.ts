// The barest program that does the same: the provider's own library, and a loop over what it streams.

import OpenAI from 'openai';
import { answerCalls } from '../support/calls.ts';
import { TokenClock, type TokenTimes } from '../support/token-times.ts';
import { usage } from './meter.ts';

const calls = answerCalls({
  run: async ({
    baseURL,
    model,
    streams,
  }: {
    baseURL: string;
    model: string;
    streams: number;
  }): Promise<TokenTimes & { processorUs: number }> => {
    const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
    const clock = new TokenClock();
    const before = usage().processorUs;
    await Promise.all(Array.from({ length: streams }, () => readOne(client, { model, clock })));
    return { ...clock.read(), processorUs: usage().processorUs - before };
  },
});
export type SdkLoopCalls = typeof calls;

async function readOne(
  client: OpenAI,
  { model, clock }: { model: string; clock: TokenClock },
): Promise<void> {
  const messages = [{ role: 'user' as const, content: 'go' }];
  let position = 0;
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
    position += clock.take(chunk.choices[0]?.delta.content ?? '', position);
}
