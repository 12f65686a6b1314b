import { limits } from '../../src/contract/limits.ts';
import type { FinishReason, PromptResult, ToolCall, Usage } from '../../src/contract/result.ts';
import { assertNever } from '../../src/core/assert-never.ts';
import type { PromptPart } from '../adapter.ts';
import type { EventPublisher } from '../publish-events.ts';

/** What a model has said so far in one call. Each part becomes an event as it comes. */
export class Answer {
  readonly #publisher: EventPublisher;
  readonly #onUsage: (usage: Usage) => void;
  #text = '';
  #reasoning = '';
  #toolCalls: ToolCall[] = [];
  #model: string;
  #finishReason: FinishReason | null = null;

  /** `onUsage` hears what this call used so far, each time with the whole. */
  constructor({
    publisher,
    model,
    onUsage,
  }: {
    publisher: EventPublisher;
    model: string;
    onUsage: (usage: Usage) => void;
  }) {
    this.#publisher = publisher;
    this.#model = model;
    this.#onUsage = onUsage;
  }

  /** Whether anything was said that a reader has seen. */
  hasSaidAnything(): boolean {
    return this.#text !== '' || this.#reasoning !== '' || this.#toolCalls.length > 0;
  }

  take(part: PromptPart): void {
    switch (part.type) {
      case 'text-delta':
        this.#text += part.text;
        this.#publisher.emit({ type: 'text.delta', data: { text: part.text } });
        break;
      case 'reasoning-delta':
        this.#reasoning += part.text;
        this.#publisher.emit({ type: 'reasoning.delta', data: { text: part.text } });
        break;
      case 'tool-call':
        this.#toolCalls.push(part.call);
        this.#publisher.emit({ type: 'tool.call', data: part.call });
        break;
      case 'usage':
        this.#onUsage(part.usage);
        break;
      case 'finish':
        this.#finishReason = part.reason;
        this.#model = part.model;
        break;
      default:
        assertNever(part);
    }
  }

  /** Nothing more is asked for: what a model says at once is far below this. */
  isFull(): boolean {
    const full = this.#text.length + this.#reasoning.length > limits.answerLengthMax;
    if (full) this.#finishReason = 'length';
    return full;
  }

  /** @param provider names the model's provider, as it is to be asked for. */
  result(provider: string): PromptResult {
    return {
      text: this.#text,
      model: `${provider}/${this.#model}`,
      finishReason: this.#finishReason ?? 'stop',
      toolCalls: this.#toolCalls,
      ...(this.#reasoning === '' ? {} : { reasoning: this.#reasoning }),
    };
  }
}
