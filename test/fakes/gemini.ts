import { isWhole, saysError, streamErrorMessage } from './blocks.ts';
import { type FakeOptions, type ScriptedProvider, startFakeServer, type WireFormat } from './fake-server.ts';
import { geminiErrorOf, geminiRefusalOf } from './gemini-errors.ts';
import { at, itemsOf, lastUserText, textAt } from './read-asked.ts';
import type { AnswerScene, Asked, FakeRequest, RefusalScene, SceneUsage, Step } from './scene.ts';

/** A server that speaks Gemini's `streamGenerateContent` over real HTTP and does what its script says. Its base URL has no `/v1beta`. */
export function startFakeGemini(options?: FakeOptions): Promise<ScriptedProvider> {
  return startFakeServer(
    { basePath: '', formats: [streamGenerateContent], modelsPath: /^\/v1(?:beta)?\/models$/, modelListOf },
    options,
  );
}

/** Google serves both versions, and its clients differ in which they ask. */
const modelInPath = /^\/v1(?:beta)?\/models\/([^/:]+):streamGenerateContent/;

const streamGenerateContent: WireFormat = { path: modelInPath, beatsOf, refusalOf, read };

// Answers

function* beatsOf(scene: AnswerScene): Generator<string[]> {
  yield [];
  const usage = scene.usage === undefined ? undefined : usageSoFar(scene.usage);
  for (const step of scene.steps) {
    const content = { parts: [partOf(step)], role: 'model' };
    yield [frameOf(chunkOf({ candidates: [{ content, index: 0 }], usage }))];
  }
  yield closingOf(scene);
}

function chunkOf(chunk: {
  candidates: unknown;
  usage?: Record<string, unknown> | undefined;
}): Record<string, unknown> {
  return {
    candidates: chunk.candidates,
    ...(chunk.usage !== undefined && { usageMetadata: chunk.usage }),
    modelVersion: 'fake-1-2026',
    responseId: 'fake-response-1',
  };
}

/** With CRLF and with some characters escaped that JSON need not escape, as Google does. */
function frameOf(chunk: unknown): string {
  const json = JSON.stringify(chunk).replace(/[<>\u2028\u2029]/g, escapeCharacter);
  return `data: ${json}\r\n\r\n`;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function partOf(step: Step): Record<string, unknown> {
  if ('text' in step) return { text: step.text };
  if ('reasoning' in step) return { text: step.reasoning, thought: true };
  const { id, name, argumentPieces } = step.toolCall;
  const args: unknown = JSON.parse(argumentPieces.join('') || '{}');
  return { functionCall: { id, name, args }, thoughtSignature: `sig-${id}` };
}

function closingOf(scene: AnswerScene): string[] {
  if (saysError(scene)) return [frameOf(geminiErrorOf({ code: 500, message: streamErrorMessage }))];
  if (!isWhole(scene)) return [];
  const usage = scene.usage === undefined ? undefined : usageOf(scene.usage);
  return [frameOf(chunkOf({ candidates: [lastCandidateOf(scene)], usage }))];
}

/** Where nothing was said, the content has no parts; where something was filtered, there is no content. */
function lastCandidateOf({ finish, steps }: AnswerScene): Record<string, unknown> {
  if (finish === 'content_filter')
    return { finishReason: 'SAFETY', index: 0, safetyRatings: [blockedRating] };
  const parts = steps.length === 0 ? {} : { parts: [{ text: '' }] };
  return {
    content: { ...parts, role: 'model' },
    finishReason: finish === 'length' ? 'MAX_TOKENS' : 'STOP',
    index: 0,
  };
}

const blockedRating = { category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true };

function usageSoFar({ inputTokens }: SceneUsage): Record<string, unknown> {
  return { promptTokenCount: inputTokens, totalTokenCount: inputTokens };
}

/** Google counts the thoughts beside the candidates, and what came from the cache within the prompt. */
function usageOf(usage: SceneUsage): Record<string, unknown> {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = usage;
  return {
    promptTokenCount: inputTokens,
    candidatesTokenCount: outputTokens - (reasoningTokens ?? 0),
    totalTokenCount: inputTokens + outputTokens,
    ...(cachedInputTokens !== undefined && { cachedContentTokenCount: cachedInputTokens }),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: inputTokens }],
    ...(reasoningTokens !== undefined && { thoughtsTokenCount: reasoningTokens }),
  };
}

// Refusals

/** A blocked prompt is no refusal of the server: it answers 200, with no candidate. */
function refusalOf(scene: RefusalScene): ReturnType<WireFormat['refusalOf']> {
  if (scene.about !== 'content') return geminiRefusalOf(scene);
  const blocked = {
    promptFeedback: { blockReason: 'SAFETY', safetyRatings: [blockedRating] },
    usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 },
    modelVersion: 'fake-1-2026',
  };
  const headers = { 'content-type': 'text/event-stream', ...scene.headers };
  return { status: 200, headers, text: frameOf(blocked) };
}

// Requests

function read({ path, body }: FakeRequest): Asked {
  const contents = itemsOf(at(body, 'contents'));
  const firstToolName = textAt(body, 'tools', 0, 'functionDeclarations', 0, 'name');
  const lastParts = itemsOf(at(contents.at(-1), 'parts'));
  return {
    model: decodeURIComponent(modelInPath.exec(path)?.[1] ?? ''),
    lastUserText: lastUserText(contents, 'parts'),
    ...(firstToolName !== undefined && { firstToolName }),
    bringsToolResult: lastParts.some((part) => at(part, 'functionResponse') !== undefined),
  };
}

function modelListOf(names: readonly string[]): unknown {
  const models = names.map((name) => ({
    name: `models/${name}`,
    version: '001',
    displayName: name,
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  }));
  return { models };
}
