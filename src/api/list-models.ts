import type { Model } from '../contract/http.ts';
import type { Services } from './services.ts';

/** The models that workers know, each once, with its price and how much fits into a call, where that is known. */
export async function listModels({ workers, prices }: Services): Promise<{ items: Model[] }> {
  const known = (await workers.list()).flatMap(({ models }) => models);
  const table = await prices();
  const items = new Map<string, Model>();
  for (const model of known) {
    // What one worker reaches can be used, whatever the others say.
    if (items.get(model.id)?.reachable === true) continue;
    const price = table.priceOf(model.id);
    items.set(model.id, {
      ...model,
      contextWindow: price?.contextWindow ?? null,
      price: price === null ? null : { inputUsdPerMillion: price.input, outputUsdPerMillion: price.output },
    });
  }
  return { items: [...items.values()] };
}
