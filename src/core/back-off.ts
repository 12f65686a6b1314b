import { limits } from '../contract/limits.ts';

/** Bounds of a wait, in milliseconds. `random` answers in [0, 1). */
export interface BackOff {
  retryMsMin: number;
  retryMsMax: number;
  random(): number;
}

/** Between the least wait and a ceiling that doubles, drawn evenly: those who were cut off together do not return as one. */
export function backOffMs(failures: number, { retryMsMin, retryMsMax, random }: BackOff): number {
  const ceiling = Math.min(retryMsMax, retryMsMin * 2 ** (failures + 1));
  return retryMsMin + (ceiling - retryMsMin) * random();
}

/** When the reader `index` of `count` should come back to a service that stops, in milliseconds: one after the other. */
export function drainRetryMs(index: number, count: number): number {
  const spreadMs = Math.min(limits.drainSpreadMsMax, count * limits.drainSpreadMsEach);
  return limits.followRetryMsMin + Math.floor((spreadMs * index) / count);
}
