import { jsonRefusal, type WireRefusal } from './fake-server.ts';
import type { RefusalScene } from './scene.ts';

/** A refusal as OpenAI words it, on both of its endpoints. */
export function openAiRefusalOf(scene: RefusalScene): WireRefusal {
  const status = scene.about === 'key' ? 401 : scene.status;
  return jsonRefusal({ status, headers: scene.headers, body: { error: errorOf(scene) } });
}

/** A list of models as OpenAI words it. */
export function openAiModelListOf(names: readonly string[]): unknown {
  const data = names.map((id) => ({ id, object: 'model', created: 1763805600, owned_by: 'fake' }));
  return { object: 'list', data };
}

function errorOf({ status, about }: RefusalScene): Record<string, unknown> {
  switch (about) {
    case 'context':
      return {
        message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      };
    case 'content':
      return { message: 'The prompt was filtered.', type: 'invalid_request_error', code: 'content_filter' };
    case 'model':
      return {
        message: 'The model `fake-9` does not exist or you do not have access to it.',
        type: 'invalid_request_error',
        param: null,
        code: 'model_not_found',
      };
    case 'credit':
      return {
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      };
    case 'key':
      return {
        message: 'Incorrect API key provided: sk-fake**9.',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      };
    default:
      return { message: `Answered ${status}.`, type: 'error', param: null, code: null };
  }
}
