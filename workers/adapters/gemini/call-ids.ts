const prefix = 'gemini_call_';

/** Calls that came without an id get one of ours, which says nothing to Gemini. */
export function ownId(place: number): string {
  return `${prefix}${place}`;
}

/** The id as Gemini gave it, if it did. */
export function theirId(id: string): { id?: string } {
  return id.startsWith(prefix) ? {} : { id };
}
