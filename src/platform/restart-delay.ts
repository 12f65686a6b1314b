import { limits } from '../contract/limits.ts';

/**
 * How long to wait before something that died is started again: little at first, twice as long each time,
 * and as at first once it has lived for long.
 * @param previousMs the delay before the life that just ended; null before the first.
 */
export function nextRestartDelayMs(previousMs: number | null, livedMs: number): number {
  if (previousMs === null || livedMs >= limits.restartForgetMs) return limits.restartMsMin;
  return Math.min(limits.restartMsMax, previousMs * 2);
}
