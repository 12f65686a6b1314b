import type { FinishReason, Usage } from '../../src/contract/result.ts';

/** What a provider is to do with its next request, in no vendor's terms; its fake turns it into bytes. */
export type Scene = AnswerScene | RefusalScene;

export interface AnswerScene {
  kind: 'answer';
  steps: readonly Step[];
  finish?: FinishReason;
  /** `inputTokens` counts what came from a cache too, `outputTokens` the reasoning. */
  usage?: SceneUsage;
  /**
   * Default: everything comes and the stream ends well. `short` is a clean end of a stream that
   * should go on, as some proxies make it; `error` is an event that says so in the middle;
   * `failed` a last event whose answer calls itself failed, where the wire has one, else as `error`.
   */
  ending?: 'whole' | 'cut' | 'short' | 'stall' | 'error' | 'failed';
  /** Bytes of each write; default: an event at a time. */
  writeBytes?: number;
  /** Each event is written in two, so many bytes in the first. */
  splitAt?: number;
  /** Between one step and the next; default 0. */
  pauseMs?: number;
  headers?: Record<string, string>;
}

export interface RefusalScene {
  kind: 'refusal';
  /** Of no account where a provider always answers `about` with a status of its own. */
  status: number;
  /** A refusal that its status does not tell. */
  about?: 'context' | 'content' | 'model' | 'credit' | 'key';
  headers?: Record<string, string>;
}

export type SceneUsage = Omit<Usage, 'costUsd'>;

export type Step =
  | { text: string }
  | { reasoning: string }
  | { toolCall: { id: string; name: string; argumentPieces: readonly string[] } };

/** One request as it came in. */
export interface FakeRequest {
  method: string;
  path: string;
  headers: NodeJS.Dict<string | string[]>;
  /** The JSON of the body; its text where it is none; null where it is empty. */
  body: unknown;
  /** Resolves with `performance.now()` when the client's side of the connection is gone. */
  closed: Promise<number>;
  /** What the kernel has taken of the answer so far. */
  sentBytes(): number;
}

/** What a request asks for, in no vendor's terms. */
export interface Asked {
  model: string;
  /** Empty where there is none. */
  lastUserText: string;
  firstToolName?: string;
  /** Whether its last message brings what a tool answered. */
  bringsToolResult: boolean;
}

/** A server that speaks one provider's wire format. */
export interface FakeProvider {
  baseUrl: string;
  /** All but those for the list of models. */
  requests: FakeRequest[];
  /** Scenes for the next requests, in order. */
  script(...scenes: Scene[]): void;
  /** Resolves with the next request, once it is here. */
  nextRequest(): Promise<FakeRequest>;
  close(): Promise<void>;
}
