// A plugin of Vite that prints what a browser has to load, compressed, and refuses a page that is too heavy.

import { gzipSync } from 'node:zlib';

/** 60 kB: what arrives within a second on a slow line and starts at once on a phone. */
const firstLoadBytesMax = 61_440;

/** @returns a plugin that fails the build when the first load is above the limit. */
export function firstLoad() {
  return {
    name: 'first-load',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const files = Object.values(bundle);
        const first = firstFiles(bundle);
        const rest = files.filter((file) => !first.includes(file));
        const bytes = sum(first);
        process.stdout.write(
          [
            `First load: ${format(bytes)} of ${format(firstLoadBytesMax)} bytes, compressed by gzip`,
            ...first.map(describe),
            ...(rest.length === 0 ? [] : [`Later: ${format(sum(rest))} bytes`]),
            ...rest.map(describe),
            '',
          ].join('\n'),
        );
        if (bytes > firstLoadBytesMax)
          this.error(
            `The first load has ${format(bytes - firstLoadBytesMax)} bytes too many: import later what is not needed at once.`,
          );
      },
    },
  };
}

/** The document, its entries, all that these import statically, and the styles of each. */
function firstFiles(bundle) {
  const chunks = new Set();
  const visit = (name) => {
    const chunk = bundle[name];
    if (chunk?.type !== 'chunk' || chunks.has(chunk)) return;
    chunks.add(chunk);
    for (const imported of chunk.imports) visit(imported);
  };
  for (const file of Object.values(bundle)) if (file.isEntry) visit(file.fileName);
  const styles = [...chunks].flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]);
  const documents = Object.keys(bundle).filter((name) => name.endsWith('.html'));
  return [...documents, ...new Set(styles)].map((name) => bundle[name]).concat(...chunks);
}

function sum(files) {
  return files.reduce((total, file) => total + compressedBytes(file), 0);
}

function describe(file) {
  return `  ${file.fileName} ${format(compressedBytes(file))}`;
}

function compressedBytes(file) {
  return gzipSync(file.type === 'chunk' ? file.code : file.source).length;
}

function format(bytes) {
  return bytes.toLocaleString('en');
}
