import { isRedisAway } from '../../store/redis.ts';

/**
 * Waits for Redis where it is away, so that a reader keeps its connection meanwhile. null when aborted, also
 * where that came before the answer.
 * @throws what asking again would not mend, such as data that we cannot read
 */
export async function untilRedisAnswers<T>(
  action: () => Promise<T | null>,
  signal: AbortSignal,
): Promise<T | null> {
  while (!signal.aborted) {
    try {
      const answer = await action();
      return signal.aborted ? null : answer;
    } catch (error) {
      if (!isRedisAway(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryReadMs));
    }
  }
  return null;
}

const retryReadMs = 250;
