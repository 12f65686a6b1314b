import type { Logger } from 'pino';
import type { EventLog } from '../src/store/event-log.ts';
import { isRedisAway } from '../src/store/redis.ts';

const retryMs = 250;

/**
 * Repeats a question to Redis until it answers: before and between its steps an attempt has nothing better to do.
 * @throws what asking again would not mend, such as data that we cannot read
 */
export async function untilRedisAnswers<T>(
  { log, logger }: { log: EventLog; logger: Logger },
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      await log.connection.ready();
      return await ask();
    } catch (error) {
      if (!isRedisAway(error)) throw error;
      logger.debug({ err: error }, 'Redis did not answer; asking again');
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}
