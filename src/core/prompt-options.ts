import type { PromptSpec } from '../contract/job.ts';
import type { Message } from '../contract/prompt.ts';

/** How a provider is spoken to. Every name that is not one of ours is an OpenAI-compatible server. */
export type ProviderKind = 'anthropic' | 'openai' | 'gemini' | 'demo' | 'compatible';

/** Options of a prompt that not every kind of provider has. */
export const promptOptions = [
  'images',
  'tools',
  'outputSchema',
  'reasoning',
  'temperature',
  'stop',
  'seed',
] as const;
export type PromptOption = (typeof promptOptions)[number];

/** The options each kind lacks. What is not here is passed on, and refused by the provider where a model lacks it. */
export const lackedOptions: Readonly<Record<ProviderKind, readonly PromptOption[]>> = {
  anthropic: ['seed'],
  openai: [],
  gemini: [],
  compatible: [],
  demo: promptOptions,
};

/** @param provider the part of a model's name before its first `/`. */
export function providerKind(provider: string): ProviderKind {
  switch (provider) {
    case 'anthropic':
    case 'openai':
    case 'gemini':
    case 'demo':
      return provider;
    default:
      return 'compatible';
  }
}

/** `provider/model` in its two parts; the second may hold slashes. Without a slash there is no provider. */
export function splitModel(id: string): { provider: string; model: string } {
  const slash = Math.max(id.indexOf('/'), 0);
  return { provider: id.slice(0, slash), model: id.slice(slash + 1) };
}

/** What a prompt asks for of the options that some providers lack, each with the field that asks for it. */
export function optionsUsed(spec: PromptSpec): { option: PromptOption; pointer: string }[] {
  const fields = promptOptions.flatMap((option) =>
    option !== 'images' && spec[option] !== undefined ? [{ option, pointer: `/${option}` }] : [],
  );
  const messages = (spec.messages ?? []).flatMap((message, index) => {
    const option = optionOfMessage(message);
    return option === null ? [] : [{ option, pointer: `/messages/${index}` }];
  });
  return [...fields, ...messages];
}

function optionOfMessage(message: Message): PromptOption | null {
  if (message.role === 'tool') return 'tools';
  if (message.role === 'assistant') return message.toolCalls === undefined ? null : 'tools';
  const hasImage =
    typeof message.content !== 'string' && message.content.some(({ type }) => type === 'image');
  return hasImage ? 'images' : null;
}
