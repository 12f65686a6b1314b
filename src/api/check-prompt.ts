import type { PromptSpec } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import type { ContentPart } from '../contract/prompt.ts';
import {
  lackedOptions,
  optionsUsed,
  type PromptOption,
  providerKind,
  splitModel,
} from '../core/prompt-options.ts';
import { compileOutputSchema } from '../platform/output-schema.ts';
import { refuseDeepJson, refused } from './refused.ts';

/**
 * What the schema of a prompt cannot say. `where` is its place in the body, as a JSON Pointer.
 * @throws ProblemError validation_failed
 */
export function checkPrompt(spec: PromptSpec, where: string): void {
  refuseLackedOptions(spec, where);
  checkTools(spec, where);
  checkMessages(spec, where);
  if (spec.outputSchema !== undefined) checkOutputSchema(spec.outputSchema, `${where}/outputSchema`);
}

/** An option that one of the models cannot be given is refused, since dropping it would change what is asked. */
function refuseLackedOptions(spec: PromptSpec, where: string): void {
  const used = optionsUsed(spec);
  for (const id of [spec.model, ...(spec.fallbacks ?? [])]) {
    const { provider } = splitModel(id);
    const lacked = lackedOptions[providerKind(provider)];
    const found = used.find(({ option }) => lacked.includes(option));
    if (found !== undefined)
      throw refused(
        `${where}${found.pointer}`,
        `${words[found.option]}, which ${id} does not take; leave it out or name another model`,
      );
  }
}

const words: Readonly<Record<PromptOption, string>> = {
  images: 'holds an image',
  tools: 'is about tools',
  outputSchema: 'asks for output by a schema',
  reasoning: 'asks for a measure of reasoning',
  temperature: 'is a temperature',
  stop: 'holds stop sequences',
  seed: 'is a seed',
};

const choices = ['auto', 'none', 'required'];

function checkTools({ tools, toolChoice }: PromptSpec, where: string): void {
  const names = new Set<string>();
  for (const [index, { name, parameters }] of (tools ?? []).entries()) {
    const pointer = `${where}/tools/${index}`;
    if (names.has(name)) throw refused(`${pointer}/name`, `${JSON.stringify(name)} is there twice`);
    if (choices.includes(name)) throw refused(`${pointer}/name`, `${name} is a word of toolChoice`);
    names.add(name);
    if (parameters === undefined) continue;
    refuseDeepJson(parameters, `${pointer}/parameters`);
    if (parameters.type !== 'object')
      throw refused(`${pointer}/parameters`, 'must be a JSON Schema with "type": "object"');
  }
  if (toolChoice === undefined) return;
  if (tools === undefined) throw refused(`${where}/toolChoice`, 'chooses among tools, and there are none');
  if (!choices.includes(toolChoice) && !names.has(toolChoice))
    throw refused(`${where}/toolChoice`, `must be ${choices.join(', ')} or the name of one of the tools`);
}

/** Each call of a model is answered once, after it was made: providers refuse anything else. */
function checkMessages({ messages }: PromptSpec, where: string): void {
  const open = new Set<string>();
  for (const [index, message] of (messages ?? []).entries()) {
    const pointer = `${where}/messages/${index}`;
    if (message.role === 'tool') {
      if (!open.delete(message.toolCallId))
        throw refused(`${pointer}/toolCallId`, 'is not the id of a call before it that waits for a result');
      continue;
    }
    if (open.size > 0)
      throw refused(pointer, `comes before the result of the tool call ${JSON.stringify([...open][0])}`);
    if (message.role === 'user') {
      checkImages(message.content, `${pointer}/content`);
      continue;
    }
    for (const [place, call] of (message.toolCalls ?? []).entries()) {
      if (open.has(call.id)) throw refused(`${pointer}/toolCalls/${place}/id`, 'is the id of another call');
      refuseDeepJson(call.arguments, `${pointer}/toolCalls/${place}/arguments`);
      open.add(call.id);
    }
  }
  const last = (messages ?? []).length - 1;
  if (open.size > 0)
    throw refused(
      `${where}/messages/${last}`,
      `leaves the tool call ${JSON.stringify([...open][0])} without a result`,
    );
}

function checkImages(content: string | readonly ContentPart[], where: string): void {
  if (typeof content === 'string') return;
  for (const [index, part] of content.entries()) {
    if (part.type !== 'image' || 'url' in part || part.mediaType !== undefined) continue;
    throw refused(`${where}/${index}/mediaType`, 'is missing: say what kind of image the bytes are');
  }
}

function checkOutputSchema(schema: Record<string, unknown>, where: string): void {
  refuseDeepJson(schema, where);
  if (JSON.stringify(schema).length > limits.outputSchemaCharactersMax)
    throw refused(where, `is larger than ${limits.outputSchemaCharactersMax} characters`);
  if (schema.type !== 'object')
    throw refused(where, 'must have "type": "object", which is what every provider takes');
  try {
    compileOutputSchema(schema);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw refused(where, `is not a JSON Schema that can be used: ${why}`);
  }
}
