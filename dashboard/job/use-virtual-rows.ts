import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';

export interface VirtualRowsOptions {
  count: number;
  rowHeight: number;
  scroller: RefObject<HTMLElement | null>;
  /** The number of a row. It stays when others come or go, and rises by one from row to row. */
  keyOf(index: number): number;
}

type Rows = Virtualizer<HTMLElement, HTMLElement>;

/**
 * Only the rows in sight, and a few around them, exist; their heights are measured as they come. When the first
 * rows go, the others stay where they are on the screen.
 */
export function useVirtualRows({ count, rowHeight, scroller, keyOf }: VirtualRowsOptions) {
  const [, redraw] = useReducer((drawn: number) => drawn + 1, 0);
  const firstKey = count === 0 ? null : keyOf(0);
  // A new function has all rows placed anew, which their number alone would not where as many came as went.
  const getItemKey = useMemo(() => (index: number) => keyOf(index), [keyOf, firstKey]);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey,
    overscan: 20,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(undefined),
  };
  const [rows] = useState<Rows>(() => new Virtualizer(options));
  const keep = useKeptPlace({ rows, scroller, firstKey });
  rows.setOptions(options);
  useLayoutEffect(() => rows._didMount(), [rows]);
  useLayoutEffect(() => {
    keep();
    rows._willUpdate();
  });
  return rows;
}

/**
 * To be called before `rows` hears of the rows that there are now. Answers what moves the scroller by the height of
 * the rows that went, to be called when they have.
 */
function useKeptPlace({
  rows,
  scroller,
  firstKey,
}: {
  rows: Rows;
  scroller: RefObject<HTMLElement | null>;
  firstKey: number | null;
}): () => void {
  const lastFirstKey = useRef(firstKey);
  const gone = (firstKey ?? 0) - (lastFirstKey.current ?? 0);
  const isLater = firstKey !== null && lastFirstKey.current !== null && gone > 0;
  lastFirstKey.current = firstKey;
  const element = scroller.current;
  if (!isLater || element === null) return () => {};
  const goneHeight = rows.measurementsCache[gone]?.start ?? rows.getTotalSize();
  const top = Math.max(0, element.scrollTop - goneHeight);
  rows.scrollOffset = top;
  for (const key of rows.itemSizeCache.keys()) if (Number(key) < firstKey) rows.itemSizeCache.delete(key);
  return () => {
    element.scrollTop = top;
  };
}
