import { jsonRefusal, type WireRefusal } from './fake-server.ts';
import type { RefusalScene } from './scene.ts';

/** A refusal as Google words it. A wrong key is a 400, and a wait is told in the body too. */
export function geminiRefusalOf(scene: RefusalScene): WireRefusal {
  const status = scene.about === 'key' ? 400 : scene.status;
  const body = geminiErrorOf({ code: status, message: messageOf(scene), details: detailsOf(scene) });
  return jsonRefusal({ status, headers: scene.headers, body });
}

/** The body of an error, which is also what an event in the middle of a stream holds. */
export function geminiErrorOf({
  code,
  message,
  details = [],
}: {
  code: number;
  message: string;
  details?: readonly unknown[];
}): Record<string, unknown> {
  const status = statusWords[code] ?? (code < 500 ? 'INVALID_ARGUMENT' : 'UNAVAILABLE');
  return { error: { code, message, status, ...(details.length > 0 && { details }) } };
}

const statusWords: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

function messageOf({ status, about }: RefusalScene): string {
  switch (about) {
    case 'context':
      return 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).';
    case 'model':
      return 'models/fake-9 is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.';
    case 'credit':
      return 'You exceeded your current quota, please check your plan and billing details.';
    case 'key':
      return 'API key not valid. Please pass a valid API key.';
    default:
      return `Answered ${status}.`;
  }
}

function detailsOf({ about, headers }: RefusalScene): unknown[] {
  const seconds = secondsOf(headers?.['retry-after']);
  return [
    ...(about === 'key' ? [invalidKey] : []),
    ...(about === 'credit' ? [help] : []),
    ...(seconds === undefined ? [] : [{ '@type': `${types}.RetryInfo`, retryDelay: `${seconds}s` }]),
  ];
}

const types = 'type.googleapis.com/google.rpc';

const invalidKey = {
  '@type': `${types}.ErrorInfo`,
  reason: 'API_KEY_INVALID',
  domain: 'googleapis.com',
  metadata: { service: 'generativelanguage.googleapis.com' },
};

const help = {
  '@type': `${types}.Help`,
  links: [
    {
      description: 'Learn more about Gemini API quotas',
      url: 'https://ai.google.dev/gemini-api/docs/rate-limits',
    },
  ],
};

/** The seconds that a Retry-After tells, as a number or as a date. */
function secondsOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const waitMs = Date.parse(retryAfter) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, Math.round(waitMs / 1000));
}
