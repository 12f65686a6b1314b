import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What a file, with all it imports, needs of packages when it runs. Imports of types are erased. */
function packagesOf(path: URL, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(path.href)) return packages;
  seen.add(path.href);
  const text = readFileSync(path, 'utf8').replaceAll(/^(import|export) type [^;]*;$/gm, '');
  for (const [, target = ''] of text.matchAll(
    /^(?:import '|(?:import|export) [^;'=(]* from ')([^']+)';$/gm,
  )) {
    if (!target.startsWith('.')) packages.add(target);
    else for (const found of packagesOf(new URL(target, path), seen)) packages.add(found);
  }
  return packages;
}

describe('what a page takes along of the client', () => {
  it.each(['live.ts', 'http.ts'])('is no package at all for %s', (file) => {
    expect([...packagesOf(new URL(`../../src/client/${file}`, import.meta.url))]).toEqual([]);
  });

  it.each(['feed.ts', 'bell.ts'])('is the reader of event streams for %s', (file) => {
    const packages = packagesOf(new URL(`../../src/client/${file}`, import.meta.url));
    expect([...packages]).toEqual(['eventsource-parser']);
  });
});
