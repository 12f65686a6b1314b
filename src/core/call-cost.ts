import type { PromptSpec } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import type { Message } from '../contract/prompt.ts';
import type { Usage } from '../contract/result.ts';
import { utf8Length } from './utf8-length.ts';

/** What a call is bound to: the most it writes, and so the most it costs. */
export interface CallBound {
  /** null: the model's own bound. */
  maxOutputTokens: number | null;
  reserveUsd: number;
}

type Asked = Pick<PromptSpec, 'system' | 'tools' | 'outputSchema' | 'maxOutputTokens'> & {
  messages: readonly Message[];
};

/**
 * Bounds a call by what is left of the budget of its job; null where not even a short answer fits. A job that
 * names no `maxOutputTokens` gets as many as it can pay for, up to `limits.outputTokensAssumed`.
 * @param leftUsd null: the job has no budget.
 */
export function boundCall(
  asked: Asked,
  costOf: (usage: Usage) => number,
  leftUsd: number | null,
): CallBound | null {
  const inputTokens = estimateInputTokens(asked);
  const costWith = (outputTokens: number) => costOf({ inputTokens, outputTokens, costUsd: null });
  const wanted = asked.maxOutputTokens ?? limits.outputTokensAssumed;
  const reserveUsd = costWith(wanted);
  if (leftUsd === null || reserveUsd <= leftUsd) {
    const isNamed = asked.maxOutputTokens !== undefined;
    return { maxOutputTokens: isNamed || leftUsd !== null ? wanted : null, reserveUsd };
  }
  if (asked.maxOutputTokens !== undefined) return null;
  const perToken = (reserveUsd - costWith(0)) / wanted;
  const affordable = perToken > 0 ? Math.floor((leftUsd - costWith(0)) / perToken) : 0;
  if (affordable < limits.outputTokensLeast) return null;
  return { maxOutputTokens: affordable, reserveUsd: costWith(affordable) };
}

/**
 * How many tokens a prompt is, rather too many than too few: a token for two bytes (English has four a token,
 * Chinese three a character), and for an image as many as the largest.
 */
export function estimateInputTokens({ system = '', tools, outputSchema, messages }: Asked): number {
  const said = JSON.stringify([system, tools ?? [], outputSchema ?? {}]);
  const texts = messages.map((message) => JSON.stringify(withoutImages(message)));
  const bytes = [said, ...texts].reduce((sum, text) => sum + utf8Length(text), 0);
  const images = messages.reduce((sum, message) => sum + imagesOf(message), 0);
  return Math.ceil(bytes / 2) + images * limits.imageTokensAssumed;
}

function withoutImages(message: Message): unknown {
  if (message.role !== 'user' || typeof message.content === 'string') return message;
  return message.content.filter(({ type }) => type === 'text');
}

function imagesOf(message: Message): number {
  if (message.role !== 'user' || typeof message.content === 'string') return 0;
  return message.content.filter(({ type }) => type === 'image').length;
}
