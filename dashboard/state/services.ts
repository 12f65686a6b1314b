import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Client } from '../../src/client/http.ts';
import type { LiveLink } from '../../src/client/live.ts';
import type { ScrollMemory } from './scroll-memory.ts';

/** What every page of a signed-in person stands on, made once and handed down. */
export interface Services {
  client: Client;
  link: LiveLink;
  /** Jobs that were submitted from this tab: their terminal is this person's from the start. */
  submitted: Set<string>;
  scroll: ScrollMemory;
  signOut(): Promise<void>;
}

export const ServicesContext = createContext<Services | null>(null);

/** @throws TypeError outside of a signed-in page, which is a mistake of ours. */
export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === null) throw new TypeError('This part of the page is shown to signed-in people only.');
  return services;
}
