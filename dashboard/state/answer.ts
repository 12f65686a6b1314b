import type { JobEvent } from '../../src/contract/event.ts';
import type { ToolCall } from '../../src/contract/result.ts';

/** What a model has said so far. */
export interface Answer {
  text: string;
  reasoning: string;
  toolCalls: readonly ToolCall[];
}

export const emptyAnswer: Answer = { text: '', reasoning: '', toolCalls: [] };

/** The answer after `event`. The end repeats it whole, which heals what was cut off before. */
export function nextAnswer(answer: Answer, event: JobEvent): Answer {
  switch (event.type) {
    case 'text.delta':
      return { ...answer, text: answer.text + event.data.text };
    case 'reasoning.delta':
      return { ...answer, reasoning: answer.reasoning + event.data.text };
    case 'tool.call':
      return { ...answer, toolCalls: [...answer.toolCalls, event.data] };
    case 'output.reset':
      return emptyAnswer;
    case 'job.ended': {
      const { result } = event.data;
      if (result === null || !('text' in result)) return answer;
      const { text, toolCalls, reasoning } = result;
      return { text, toolCalls, reasoning: reasoning ?? answer.reasoning };
    }
    default:
      return answer;
  }
}
