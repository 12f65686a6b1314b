import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { firstLoad } from '../scripts/first-load.mjs';

/** The page: built into `dist/dashboard`, served by the API from its own origin. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [firstLoad()],
  build: {
    outDir: fileURLToPath(new URL('../dist/dashboard', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    modulePreload: { polyfill: false },
  },
});
