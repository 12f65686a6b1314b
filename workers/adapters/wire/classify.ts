import { limits } from '../../../src/contract/limits.ts';
import { AdapterFailure, type FailureClass } from '../../adapter.ts';

/** What a provider said when it refused or broke off, in no vendor's terms. */
export interface ProviderFault {
  /** HTTP status, of the answer or named inside an error object; undefined when there was none. */
  status: number | undefined;
  /** The machine-readable words of the error object: its code and its type. */
  words: readonly string[];
  /** What the provider says to people; it may quote the key. */
  message: string;
  retryAfterMs: number | undefined;
}

/** Whom a sentence is about. `key` is only ever taken out of it. */
export interface ProviderIdentity {
  name: string;
  keyVariable?: string;
  key?: string;
}

/** Names the class of a fault and says in a sentence what happened and what to do; no key is in it. */
export function classifyFault(fault: ProviderFault, provider: ProviderIdentity): AdapterFailure {
  const failureClass = classOf(fault);
  const status = fault.status === undefined ? '' : ` (HTTP ${fault.status})`;
  const said = quote(fault.message, provider);
  const detail = `The provider "${provider.name}" ${whatHappened(failureClass, fault, provider)}${status}${said}`;
  const { retryAfterMs } = fault;
  const tellWait = retryAfterMs !== undefined && passing.has(failureClass);
  return new AdapterFailure(failureClass, detail, tellWait ? { retryAfterMs } : {});
}

const passing: ReadonlySet<FailureClass> = new Set(['rate_limited', 'overloaded', 'unavailable']);

/** Words first: they are more exact than the status, and inside a stream there is no status. */
function classOf(fault: ProviderFault): FailureClass {
  return classOfWords(fault) ?? classOfStatus(fault.status);
}

function classOfWords({ words, message, status, retryAfterMs }: ProviderFault): FailureClass | undefined {
  const says = (pattern: RegExp) => words.some((word) => pattern.test(word));
  const refused = status === undefined || (status >= 400 && status < 500 && status !== 429);
  if (says(/context_length_exceeded|exceed_context_size|string_above_max_length/)) return 'context_too_long';
  if (says(/^content_filter|content_policy_violation|responsibleaipolicy/i) || filterSentence.test(message))
    return 'content_filter';
  if (says(/insufficient_quota|billing|payment_required/) || creditSentence.test(message))
    return withoutCredit(retryAfterMs);
  if (says(/^(api_key_invalid|unauthenticated)$/i)) return 'auth';
  if (says(/model_not_found|model_not_exist|unknown_model/)) return 'unknown_model';
  if (refused && contextSentence.test(message)) return 'context_too_long';
  if (status !== undefined) return undefined;
  if (says(/rate_limit|too_many_requests/)) return 'rate_limited';
  if (says(/overloaded|engine_overloaded|insufficient_system_resource/)) return 'overloaded';
  if (says(/invalid_api_key|authentication|permission/)) return 'auth';
  if (says(/invalid_request|bad_?request/i)) return 'invalid_request';
  return undefined;
}

/** As OpenAI, vLLM, llama.cpp, OpenRouter, DeepSeek and Groq say it; many send no code with it. */
const contextSentence =
  /maximum context length|input token count .*exceeds|context (length|window|size)\b.*\bexceed|exceeds? .*\bcontext (length|window|size)|prompt is too long|input is too long/is;

const filterSentence = /blocked by content filtering/i;

/** As Anthropic and Gemini say it, with codes that stand for much else. */
const creditSentence = /credit balance is too low|exceeded your current quota/i;

/** A quota with a named reset is waited for; an account without credit needs a person. */
function withoutCredit(retryAfterMs: number | undefined): FailureClass {
  return retryAfterMs === undefined ? 'auth' : 'rate_limited';
}

function classOfStatus(status: number | undefined): FailureClass {
  switch (status) {
    case undefined:
    case 408:
    case 409:
    case 425:
      return 'unavailable';
    case 401:
    case 402:
    case 403:
      return 'auth';
    case 404:
    case 410:
      return 'unknown_model';
    case 413:
      return 'context_too_long';
    case 429:
      return 'rate_limited';
    case 503:
    case 529:
      return 'overloaded';
    default:
      return status >= 500 ? 'unavailable' : 'invalid_request';
  }
}

function whatHappened(failureClass: FailureClass, fault: ProviderFault, provider: ProviderIdentity): string {
  const key = keyWords(provider);
  switch (failureClass) {
    case 'auth':
      return `refused ${key}, or its account has no access or no credit`;
    case 'rate_limited':
      return fault.retryAfterMs === undefined
        ? 'limits the rate'
        : `limits the rate and asks to wait ${Math.ceil(fault.retryAfterMs / 1000)} s`;
    case 'overloaded':
      return 'is overloaded';
    case 'invalid_request':
      return 'refused the request';
    case 'unknown_model':
      return 'knows no such model, or its base URL is wrong';
    case 'context_too_long':
      return 'takes no prompt of this length; shorten it or choose a model with a longer context';
    case 'content_filter':
      return 'filtered the content';
    case 'unavailable':
      return 'failed';
    case 'cut':
      return 'broke off its answer';
  }
}

function keyWords({ keyVariable, key }: ProviderIdentity): string {
  if (keyVariable === undefined) return 'a call without a key';
  return key ? `the key in ${keyVariable}` : `a call without a key (set ${keyVariable})`;
}

/** The provider's own words, in one line, shortened, and without anything that looks like a key. */
function quote(message: string, { key }: ProviderIdentity): string {
  const withoutKey = key ? message.replaceAll(key, '[key]') : message;
  const line = withoutKey
    .replaceAll(/\b(?:sk|pk|key|gsk|xai)-[\w*.-]{6,}/gi, '[key]')
    .replaceAll(/\bAIza[\w-]{10,}/g, '[key]')
    .replaceAll(/\bBearer\s+\S+/gi, 'Bearer [key]')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (line === '') return '.';
  const most = limits.providerDetailCharactersMax;
  return `: ${line.length > most ? `${line.slice(0, most)}…` : line}`;
}
