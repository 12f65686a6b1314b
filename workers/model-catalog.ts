import { limits } from '../src/contract/limits.ts';
import type { WorkerModel } from '../src/store/worker-registry.ts';
import { AdapterFailure, type PromptAdapter } from './adapter.ts';

/** What the providers of this worker say they have. They are asked at the start and now and then, never waited for. */
export class ModelCatalog {
  readonly #adapters: readonly PromptAdapter[];
  readonly #answers = new Map<
    string,
    { names: readonly string[]; reachable: boolean | null; note?: string }
  >();
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(adapters: readonly PromptAdapter[]) {
    this.#adapters = adapters;
    for (const { provider, models } of adapters)
      this.#answers.set(provider, { names: models, reachable: null });
    this.#timer = setInterval(() => this.#askAll(), limits.modelsAskedMs);
    this.#askAll();
  }

  /** Each model known by name, or `provider/` where none is. */
  list(): WorkerModel[] {
    return this.#adapters.flatMap(({ provider, demo }) => {
      const { names = [], reachable = null, note } = this.#answers.get(provider) ?? {};
      const listed = names.length === 0 ? [''] : names.slice(0, limits.modelsListedMax);
      return listed.map((name) => ({
        id: `${provider}/${name}`,
        provider,
        demo,
        reachable,
        ...(note === undefined ? {} : { note }),
      }));
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
  }

  #askAll(): void {
    for (const adapter of this.#adapters) void this.#ask(adapter);
  }

  /** Models named in the configuration are listed as they are; the question then only tells whether they can be had. */
  async #ask({ provider, models, listModels }: PromptAdapter): Promise<void> {
    const known = this.#answers.get(provider)?.names ?? models;
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(limits.modelsAnswerMs)]);
      const said = await listModels(signal);
      this.#answers.set(provider, { names: models.length > 0 ? models : said, reachable: true });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const note =
        error instanceof AdapterFailure
          ? error.message
          : `The provider "${provider}" did not say what it has.`;
      this.#answers.set(provider, { names: known, reachable: false, note });
    }
  }
}
