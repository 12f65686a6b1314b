/** What the process has used and holds. */
export interface Usage {
  /** User and system time since its start, in microseconds. */
  processorUs: number;
}

export interface Memory {
  rssBytes: number;
  /** On the heap of V8, and outside of it for what is on it. */
  heapBytes: number;
}

export function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { processorUs: user + system };
}

/** What is held after everything else was thrown away. Needs --expose-gc. */
export async function memory(): Promise<Memory> {
  for (let round = 0; round < 3; round += 1) {
    await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    // What was closed is let go of by callbacks.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}

/** In bytes, as it is now. */
export function resident(): number {
  return process.memoryUsage.rss();
}
