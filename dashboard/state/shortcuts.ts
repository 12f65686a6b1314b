import { useLayoutEffect } from 'preact/hooks';

/** Calls what belongs to a key, unless the person is writing or another program listens. */
export function useShortcuts(actions: Record<string, (() => void) | undefined>): void {
  // Before anybody can see what the keys are for, so that no press is lost.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isWriting(event.target))
        return;
      const action = actions[event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  });
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  );
}
