/** Remembers how far each address was scrolled, for as long as the tab lives. */
export interface ScrollMemory {
  /** To be called when the content of an address is there: where a person has gone Back to it, it is as it was. */
  restore(): void;
  stop(): void;
}

export function createScrollMemory(): ScrollMemory {
  const places = new Map<string, number>();
  let isReturn = false;
  const remember = ({ target }: Event) => {
    if (target instanceof HTMLElement && target.id === 'content') places.set(location.href, target.scrollTop);
  };
  const goBack = () => {
    isReturn = true;
  };
  const goOn = () => {
    isReturn = false;
  };
  // Scrolling does not bubble; and a click is heard before the page it leads to.
  addEventListener('scroll', remember, true);
  addEventListener('popstate', goBack);
  addEventListener('click', goOn, true);
  return {
    restore() {
      const content = document.getElementById('content');
      if (isReturn && content !== null) content.scrollTop = places.get(location.href) ?? 0;
      isReturn = false;
    },
    stop() {
      removeEventListener('scroll', remember, true);
      removeEventListener('popstate', goBack);
      removeEventListener('click', goOn, true);
    },
  };
}
