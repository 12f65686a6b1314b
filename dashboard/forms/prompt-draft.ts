import type { PromptSpec } from '../../src/contract/job.ts';
import type { Message } from '../../src/contract/prompt.ts';
import { textOfMessage, withText } from '../../src/core/message-text.ts';
import { readTags, tagsText } from './draft-parts.ts';

/** A prompt as it stands in the form: texts, as typed. */
export interface PromptDraft {
  model: string;
  system: string;
  /** Of a copied conversation its last message, whoever said it. */
  prompt: string;
  temperature: string;
  maxOutputTokens: string;
  tags: string;
}

export function startPrompt(source: PromptSpec | null): PromptDraft {
  return {
    model: source?.model ?? '',
    system: source?.system ?? '',
    prompt: source?.prompt ?? lastText(source),
    temperature: String(source?.temperature ?? ''),
    maxOutputTokens: String(source?.maxOutputTokens ?? ''),
    tags: tagsText(source?.tags),
  };
}

/** What is sent: what the form shows, and of a copied job also what it does not show. */
export function readPrompt(draft: PromptDraft, source: PromptSpec | null): PromptSpec {
  const { unseen, messages } = unseenOf(source);
  const tags = readTags(draft.tags, source?.tags);
  const said =
    messages === undefined
      ? { prompt: draft.prompt }
      : {
          messages: messages.with(
            -1,
            withText(messages.at(-1) ?? { role: 'user', content: '' }, draft.prompt),
          ),
        };
  return {
    ...unseen,
    type: 'prompt',
    model: draft.model.trim(),
    ...said,
    ...(draft.system === '' ? {} : { system: draft.system }),
    ...(draft.temperature === '' ? {} : { temperature: Number(draft.temperature) }),
    ...(draft.maxOutputTokens === '' ? {} : { maxOutputTokens: Number(draft.maxOutputTokens) }),
    ...(tags.length === 0 ? {} : { tags }),
  };
}

/** Who says what the field of the prompt holds: the person, unless a copied conversation ends with the model. */
export function lastRole(source: PromptSpec | null): Message['role'] {
  return source?.messages?.at(-1)?.role ?? 'user';
}

function lastText(source: PromptSpec | null): string {
  const last = source?.messages?.at(-1);
  return last === undefined ? '' : textOfMessage(last);
}

function unseenOf(source: PromptSpec | null): {
  unseen: Partial<PromptSpec>;
  messages: PromptSpec['messages'];
} {
  if (source === null) return { unseen: {}, messages: undefined };
  const { prompt: _prompt, messages, system: _system, tags: _tags, ...others } = source;
  const { temperature: _temperature, maxOutputTokens: _tokens, ...unseen } = others;
  return { unseen, messages };
}
