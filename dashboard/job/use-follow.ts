import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';

/** This near to the end counts as being there. */
const nearPx = 24;

/**
 * Staying at the end of something that grows: on while one is at the end, off as soon as one scrolls up, on
 * again when one returns. `missed` counts what came while it was off, out of `total` that ever came.
 */
export function useFollow(scroller: RefObject<HTMLElement | null>, total: number) {
  const [isOn, setOn] = useState(true);
  const leftAt = useRef(total);
  const lastTop = useRef(0);
  const change = (on: boolean) => {
    if (!on && isOn) leftAt.current = total;
    if (on !== isOn) setOn(on);
  };
  const toEnd = () => {
    const element = scroller.current;
    if (element === null) return;
    element.scrollTop = element.scrollHeight;
    lastTop.current = element.scrollTop;
  };
  return {
    isOn,
    missed: Math.max(0, total - leftAt.current),
    set(on: boolean) {
      change(on);
      if (on) toEnd();
    },
    /** To be called when something came. */
    keep() {
      if (isOn) toEnd();
    },
    onScroll() {
      const element = scroller.current;
      if (element === null) return;
      const { scrollTop, scrollHeight, clientHeight } = element;
      const isUp = scrollTop < lastTop.current - 1;
      lastTop.current = scrollTop;
      if (scrollHeight - clientHeight - scrollTop <= nearPx) change(true);
      else if (isUp) change(false);
    },
  };
}
