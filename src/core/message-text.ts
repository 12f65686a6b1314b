import type { Message } from '../contract/prompt.ts';

/** What is said in a message, in words: its texts, without images and tool calls. */
export function textOfMessage(message: Message): string {
  const { content } = message;
  if (content === undefined || typeof content === 'string') return content ?? '';
  return content.flatMap((part) => (part.type === 'text' ? part.text : [])).join('\n');
}

/** The message with other words; images and tool calls stay. */
export function withText(message: Message, text: string): Message {
  if (message.role !== 'user' || typeof message.content === 'string') return { ...message, content: text };
  const images = message.content.filter(({ type }) => type === 'image');
  return { ...message, content: [...images, { type: 'text', text }] };
}
