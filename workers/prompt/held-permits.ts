import type { Logger } from 'pino';
import { limits } from '../../src/contract/limits.ts';
import type { Usage } from '../../src/contract/result.ts';
import type { CallOutcome, PermitAnswer, PermitRequest, Permits } from '../../src/store/permits.ts';

/** The calls of models that this worker makes, and what each has used so far. */
export class HeldPermits {
  readonly #permits: Permits;
  readonly #logger: Logger;
  readonly #held = new Map<string, Usage | null>();
  readonly #timer: NodeJS.Timeout;

  constructor(permits: Permits, logger: Logger) {
    this.#permits = permits;
    this.#logger = logger;
    this.#timer = setInterval(() => this.#keep(this.#held), limits.permitKeepMs);
  }

  /** @throws ioredis errors as they come. */
  async ask(request: PermitRequest): Promise<PermitAnswer> {
    const answer = await this.#permits.ask(request);
    if (answer.kind === 'OK') this.#held.set(request.permit, null);
    return answer;
  }

  /** What a call has used so far; told at once, for should this worker die. */
  report(permit: string, usage: Usage): void {
    if (!this.#held.has(permit)) return;
    this.#held.set(permit, usage);
    this.#keep([[permit, usage]]);
  }

  /** The call is over. @throws ioredis errors as they come; to be repeated. */
  async giveBack(permit: string, outcome: CallOutcome): Promise<void> {
    await this.#permits.giveBack(permit, this.#held.get(permit) ?? null, outcome);
    this.#held.delete(permit);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #keep(permits: Iterable<readonly [string, Usage | null]>): void {
    this.#permits.keep(permits).catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'what calls of models used was not heard; it is told again');
    });
  }
}
