import { limits } from '../../../src/contract/limits.ts';

/** Bounds that short histories reach. They hold for the test process, which is one file's own. */
export function shrinkLimits(): void {
  Object.assign(limits, {
    logEventsMax: 40,
    pageBytesMax: 2500,
    eventBytesMax: 900,
    coalesceBytes: 500,
    joinBufferBytesMax: 1200,
    subscriberBytesMax: 3000,
    subscriberReadAheadBytes: 1500,
    resendRingBytesMax: 3000,
  });
}
