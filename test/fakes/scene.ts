import type { FinishReason, Usage } from '../../src/contract/result.ts';

/** What a provider is to do with its next request, in no vendor's terms; its fake turns it into bytes. */
export type Scene =
  | {
      kind: 'answer';
      steps: readonly Step[];
      finish?: FinishReason;
      usage?: Omit<Usage, 'costUsd'>;
      /** Default: everything comes and the stream ends well. */
      ending?: 'whole' | 'cut' | 'stall' | 'error';
      /** Bytes of each write; default: an event at a time. */
      writeBytes?: number;
    }
  | {
      kind: 'refusal';
      status: number;
      /** A refusal that its status does not tell. */
      about?: 'context' | 'content' | 'model' | 'credit';
      headers?: Record<string, string>;
    };

export type Step =
  | { text: string }
  | { reasoning: string }
  | { toolCall: { id: string; name: string; argumentPieces: readonly string[] } };

/** One request as it came in. */
export interface FakeRequest {
  path: string;
  headers: NodeJS.Dict<string | string[]>;
  body: unknown;
  /** Resolves with `performance.now()` when the client's side of the connection is gone. */
  closed: Promise<number>;
  /** What the kernel has taken of the answer so far. */
  sentBytes(): number;
}

/** A server that speaks one provider's wire format. */
export interface FakeProvider {
  baseUrl: string;
  requests: FakeRequest[];
  /** Scenes for the next requests, in order. */
  script(...scenes: Scene[]): void;
  /** Resolves with the next request, once it is here. */
  nextRequest(): Promise<FakeRequest>;
  close(): Promise<void>;
}
