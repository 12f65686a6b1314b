import { signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';

/** Milliseconds since 1970, moving once a second: one timer for every running time on the page. */
export function createClock() {
  const now = signal(Date.now());
  const timer = setInterval(() => {
    now.value = Date.now();
  }, 1000);
  return { now, stop: () => clearInterval(timer) };
}

export const ClockContext = createContext(signal(Date.now()));

export function useNow(): number {
  return useContext(ClockContext).value;
}

/** A clock for as long as the component that owns it is shown. */
export function useClock() {
  const [clock] = useState(createClock);
  useEffect(() => clock.stop, [clock]);
  return clock.now;
}
