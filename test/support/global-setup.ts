import type { TestProject } from 'vitest/node';
import { onInterruption } from './interruption.ts';
import { startTestRedis } from './private-redis.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** One Redis for all suites that do it no harm; each uses keys (or ids) of its own. */
    redisUrl: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startTestRedis();
  project.provide('redisUrl', redis.url);
  // vitest exits at the first Ctrl-C; a second one, or the same passed on, must not kill it before it has.
  onInterruption(() => redis.close());
  return () => redis.close();
}
