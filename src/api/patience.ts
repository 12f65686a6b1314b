/** How long a request may be kept waiting: for its time, and not beyond the life of this process. */
export interface Patience {
  isOver(): boolean;
  readonly over: Promise<void>;
  /** To be called when nobody waits any more. */
  end(): void;
}

export function patience(ms: number, draining: AbortSignal): Patience {
  let isOver = draining.aborted || ms <= 0;
  let finish = () => {};
  const over = new Promise<void>((resolve) => {
    finish = () => {
      isOver = true;
      resolve();
    };
  });
  if (isOver) finish();
  const timer = setTimeout(finish, ms);
  draining.addEventListener('abort', finish);
  return {
    isOver: () => isOver,
    over,
    end: () => {
      clearTimeout(timer);
      draining.removeEventListener('abort', finish);
    },
  };
}
