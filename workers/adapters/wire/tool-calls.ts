import { limits } from '../../../src/contract/limits.ts';
import type { ToolCall } from '../../../src/contract/result.ts';
import { AdapterFailure } from '../../adapter.ts';
import { parseJson } from './foreign.ts';

/** A piece of a tool call; the pieces of one share an index, or have none and come in order. */
export interface ToolCallDelta {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: string;
}

interface OpenCall {
  index: number | undefined;
  id: string | undefined;
  name: string;
  arguments: string;
}

/** Puts the tool calls of one answer together from their pieces. */
export interface ToolCallAssembly {
  /** @throws {AdapterFailure} `unavailable` beyond `limits.toolCallsMax` or `limits.toolCallCharactersMax`. */
  add(delta: ToolCallDelta): void;
  /**
   * The calls in the order they began. `arguments` is the value their JSON stands for; where it is
   * not JSON, the text itself, so that nothing the model said is lost. A call without an id gets one.
   */
  finish(): ToolCall[];
}

export function assembleToolCalls(): ToolCallAssembly {
  const calls: OpenCall[] = [];
  let characters = 0;
  return {
    add: (delta) => {
      characters += delta.arguments.length + (delta.name?.length ?? 0);
      const call = findCall(calls, delta) ?? openCall(calls, delta);
      call.name ||= delta.name ?? '';
      call.arguments += delta.arguments;
      if (calls.length > limits.toolCallsMax || characters > limits.toolCallCharactersMax) throw tooMany();
    },
    finish: () =>
      calls.map((call, position) => ({
        id: call.id ?? `call_${position}`,
        name: call.name,
        arguments: readArguments(call.arguments),
      })),
  };
}

/** The value a model's text stands for; a model that says nothing means no arguments. */
export function readArguments(text: string): unknown {
  return text === '' ? {} : (parseJson(text) ?? text);
}

/** The other way: what a model said before, as it said it. */
export function argumentsText({ arguments: given }: ToolCall): string {
  return typeof given === 'string' ? given : JSON.stringify(given);
}

/** For providers whose arguments are always an object. */
export function argumentsObject({ arguments: given }: ToolCall): Record<string, unknown> {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  return isObject ? { ...given } : { value: given };
}

/**
 * The call a piece belongs to: the newest with its index, or the newest of all when it has none.
 * An id that differs begins another call, whatever the index: some servers give every call index 0.
 */
function findCall(calls: readonly OpenCall[], { index, id }: ToolCallDelta): OpenCall | undefined {
  const newest = calls.findLast((call) => index === undefined || call.index === index);
  const another = id !== undefined && newest?.id !== undefined && newest.id !== id;
  return another ? undefined : newest;
}

function openCall(calls: OpenCall[], { index, id }: ToolCallDelta): OpenCall {
  const call = { index, id, name: '', arguments: '' };
  calls.push(call);
  return call;
}

function tooMany(): AdapterFailure {
  return new AdapterFailure(
    'unavailable',
    `The provider sent more than ${limits.toolCallsMax} tool calls, or more than ${limits.toolCallCharactersMax} characters of them, in one answer; it was given up.`,
  );
}
