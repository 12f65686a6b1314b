import type { Message } from '../../../src/contract/prompt.ts';
import type { ToolCall } from '../../../src/contract/result.ts';
import { itemsOf, parseJson } from './foreign.ts';

/**
 * What a provider wants back with the results of its tool calls: its reasoning, signed or sealed. It travels
 * with the first call of an answer, under the name of the provider, since no other can read it.
 */
export function withContinuation(call: ToolCall, provider: string, items: readonly unknown[]): ToolCall {
  return items.length === 0 ? call : { ...call, continuation: `${provider}:${JSON.stringify(items)}` };
}

/** What this provider gave with the calls of a message; nothing where another did. */
export function continuationOf(
  { toolCalls }: Extract<Message, { role: 'assistant' }>,
  provider: string,
): readonly unknown[] {
  return (toolCalls ?? []).flatMap((call) => continuationOfCall(call, provider));
}

export function continuationOfCall({ continuation = '' }: ToolCall, provider: string): readonly unknown[] {
  const prefix = `${provider}:`;
  return continuation.startsWith(prefix) ? itemsOf(parseJson(continuation.slice(prefix.length))) : [];
}
