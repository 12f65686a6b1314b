import type { Block } from './blocks.ts';

export interface ResponseEvent {
  type: string;
  [field: string]: unknown;
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** The events of one output item of a response, a list for each step of its block. */
export function* stepsOfItem(block: Block, status: ItemStatus): Generator<ResponseEvent[]> {
  const deltas = block.pieces.map((delta) => deltaOf(block, delta));
  // All of a tool call is one step; of texts and reasonings each piece is one.
  const steps = block.kind === 'tool-call' ? [deltas] : deltas.map((delta) => [delta]);
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1;
    yield [
      ...(index === 0 ? openingOf(block) : []),
      ...step,
      ...(isLast && block.whole ? closingOf(block, status) : []),
    ];
  }
}

/** An output item as it is when nothing more comes to it. */
export function doneItemOf(block: Block, status: ItemStatus): Record<string, unknown> {
  const whole = block.pieces.join('');
  const id = itemIdOf(block);
  switch (block.kind) {
    case 'text':
      return { id, type: 'message', status, role: 'assistant', content: [textPartOf(whole)] };
    case 'reasoning':
      return { id, type: 'reasoning', encrypted_content: `enc-${id}`, summary: [summaryPartOf(whole)] };
    case 'tool-call':
      return callItemOf(block, { status, arguments: whole });
  }
}

function itemIdOf({ kind, index }: Block): string {
  switch (kind) {
    case 'text':
      return `msg_${index}`;
    case 'reasoning':
      return `rs_${index}`;
    case 'tool-call':
      return `fc_${index}`;
  }
}

function textPartOf(text: string): Record<string, unknown> {
  return { type: 'output_text', annotations: [], logprobs: [], text };
}

function summaryPartOf(text: string): Record<string, unknown> {
  return { type: 'summary_text', text };
}

function callItemOf(
  block: Extract<Block, { kind: 'tool-call' }>,
  fields: { status: ItemStatus; arguments: string },
): Record<string, unknown> {
  return { id: itemIdOf(block), type: 'function_call', call_id: block.id, name: block.name, ...fields };
}

function openingOf(block: Block): ResponseEvent[] {
  const output_index = block.index;
  const item_id = itemIdOf(block);
  switch (block.kind) {
    case 'text': {
      const item = { id: item_id, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
      const part = textPartOf('');
      return [
        { type: 'response.output_item.added', output_index, item },
        { type: 'response.content_part.added', item_id, output_index, content_index: 0, part },
      ];
    }
    case 'reasoning': {
      const item = { id: item_id, type: 'reasoning', summary: [] };
      const part = summaryPartOf('');
      return [
        { type: 'response.output_item.added', output_index, item },
        { type: 'response.reasoning_summary_part.added', item_id, output_index, summary_index: 0, part },
      ];
    }
    case 'tool-call': {
      const item = callItemOf(block, { status: 'in_progress', arguments: '' });
      return [{ type: 'response.output_item.added', output_index, item }];
    }
  }
}

function deltaOf(block: Block, delta: string): ResponseEvent {
  const place = { item_id: itemIdOf(block), output_index: block.index };
  switch (block.kind) {
    case 'text':
      return { type: 'response.output_text.delta', ...place, content_index: 0, delta, logprobs: [] };
    case 'reasoning':
      return { type: 'response.reasoning_summary_text.delta', ...place, summary_index: 0, delta };
    case 'tool-call':
      return { type: 'response.function_call_arguments.delta', ...place, delta };
  }
}

function closingOf(block: Block, status: ItemStatus): ResponseEvent[] {
  const item = doneItemOf(block, status);
  return [...doneEventsOf(block), { type: 'response.output_item.done', output_index: block.index, item }];
}

function doneEventsOf(block: Block): ResponseEvent[] {
  const whole = block.pieces.join('');
  const place = { item_id: itemIdOf(block), output_index: block.index };
  switch (block.kind) {
    case 'text': {
      const inPart = { ...place, content_index: 0 };
      return [
        { type: 'response.output_text.done', ...inPart, text: whole, logprobs: [] },
        { type: 'response.content_part.done', ...inPart, part: textPartOf(whole) },
      ];
    }
    case 'reasoning': {
      const inPart = { ...place, summary_index: 0 };
      return [
        { type: 'response.reasoning_summary_text.done', ...inPart, text: whole },
        { type: 'response.reasoning_summary_part.done', ...inPart, part: summaryPartOf(whole) },
      ];
    }
    case 'tool-call':
      return [
        { type: 'response.function_call_arguments.done', ...place, name: block.name, arguments: whole },
      ];
  }
}
