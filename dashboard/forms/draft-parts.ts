/** One line of a list of variables, as typed. */
export interface Variable {
  name: string;
  value: string;
}

export function variablesOf(values: Record<string, string> | undefined): Variable[] {
  return Object.entries(values ?? {}).map(([name, value]) => ({ name, value }));
}

/** null where nothing was given; lines without a name do not count. */
export function readVariables(variables: readonly Variable[]): Record<string, string> | null {
  const named = variables.filter(({ name }) => name.trim() !== '');
  return named.length === 0 ? null : Object.fromEntries(named.map(({ name, value }) => [name.trim(), value]));
}

export function tagsText(tags: readonly string[] = []): string {
  return tags.join(', ');
}

/** Those of a copied job, in which commas may stand, are kept as they are until the text is changed. */
export function readTags(text: string, copied: readonly string[] = []): string[] {
  if (text === tagsText(copied)) return [...copied];
  const tags = text.split(',').map((tag) => tag.trim());
  return [...new Set(tags.filter((tag) => tag !== ''))];
}

export function secondsOf(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : String(milliseconds / 1000);
}

/** Whole ones: 1.005 seconds, times 1000, would be a little less than 1005. */
export function millisecondsOf(seconds: string): number {
  return Math.round(Number(seconds) * 1000);
}
