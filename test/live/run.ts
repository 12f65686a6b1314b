// `npm run test:live`: a few calls of the real providers, with the keys of the environment. They cost some cents, so
// nothing else runs them. A provider without a key is skipped, and that is said.

import { readConfig } from '../../src/platform/config.ts';
import type { PromptAdapter, PromptPart, PromptRequest } from '../../workers/adapter.ts';
import { createAdapters } from '../../workers/adapters/registry.ts';

/** Small ones; `LIVE_<PROVIDER>_MODEL` names another. */
const models = { anthropic: 'claude-haiku-4-5', openai: 'gpt-5-mini', gemini: 'gemini-2.5-flash' };

const schema = {
  type: 'object',
  properties: { sum: { type: 'integer' } },
  required: ['sum'],
  additionalProperties: false,
};
const ask = (content: string) => [{ role: 'user' as const, content }];

/** What each must do: the request, and what is wrong with the answer, if anything. */
const cases: Record<
  string,
  { request: Omit<PromptRequest, 'model'>; fault(parts: PromptPart[]): string | null }
> = {
  text: {
    request: { messages: ask('Answer with the word grüße and nothing else.') },
    fault: (parts) => (/grüße/i.test(textOf(parts)) ? null : `said ${JSON.stringify(textOf(parts))}`),
  },
  usage: {
    request: { messages: ask('Say hi.'), maxOutputTokens: 2000 },
    fault: (parts) => (parts.some(({ type }) => type === 'usage') ? null : 'told no usage'),
  },
  tools: {
    request: {
      messages: ask('How is the weather in Wien?'),
      tools: [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }],
      toolChoice: 'required',
    },
    fault: (parts) => (parts.some(({ type }) => type === 'tool-call') ? null : 'called no tool'),
  },
  schema: {
    request: { messages: ask('What is 17 + 4?'), outputSchema: schema },
    fault: (parts) => (JSON.parse(textOf(parts)).sum === 21 ? null : `said ${textOf(parts)}`),
  },
};

const config = readConfig(process.env);
const adapters = createAdapters(config);
let failures = 0;
for (const [provider, usual] of Object.entries(models)) {
  const { key, keyVariable } = config.providers.find(({ name }) => name === provider) ?? {};
  if (key === undefined) {
    process.stdout.write(`${provider}: SKIPPED, NOT TESTED: ${keyVariable} is not set\n`);
    continue;
  }
  const model = process.env[`LIVE_${provider.toUpperCase()}_MODEL`] || usual;
  const { adapter } = adapters.find(`${provider}/${model}`);
  for (const name of Object.keys(cases)) failures += await runCase(adapter, { model, name });
}
process.exitCode = failures === 0 ? 0 : 1;

/** Answers 1 where it failed. */
async function runCase(
  adapter: PromptAdapter,
  { model, name }: { model: string; name: string },
): Promise<number> {
  const fault = await faultOf(adapter, model, name).catch((error: unknown) => String(error));
  process.stdout.write(
    `${adapter.provider}/${model}: ${name} ${fault === null ? 'passed' : `FAILED: ${fault}`}\n`,
  );
  return fault === null ? 0 : 1;
}

async function faultOf(adapter: PromptAdapter, model: string, name: string): Promise<string | null> {
  const { request, fault } = cases[name] ?? {};
  if (request === undefined || fault === undefined) return 'there is no such case';
  const parts: PromptPart[] = [];
  for await (const part of adapter.stream({ ...request, model }, AbortSignal.timeout(60_000)))
    parts.push(part);
  return fault(parts);
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join('');
}
