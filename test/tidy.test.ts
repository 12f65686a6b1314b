import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventTypes } from '../src/contract/event.ts';
import { problemCodes, problems } from '../src/contract/problem.ts';
import { controlData } from '../src/contract/stream.ts';
import { type ConfigVariableName, configVariables, isSecret } from '../src/platform/config-variables.ts';
import { youngRoomFlags } from '../src/platform/keep-memory-small.ts';
import { scenarios } from './faults/scenarios.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
/** What is tracked, or would be. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '');
const sources = files.filter(
  (path) => /^(src|workers|dashboard)\/.*\.tsx?$/.test(path) && !path.endsWith('/vite.config.ts'),
);

it('every way to start a worker gives its young data the same room', () => {
  const [min, max] = youngRoomFlags;
  expect(read('scripts/bootstrap.mjs')).toContain(`['${min}', '${max}']`);
  expect(read('docker-compose.yml')).toContain(`entrypoint: [node, ${min}, ${max}, src/main.ts]`);
});

describe('the layers', () => {
  const mayImport: Record<string, string[]> = {
    'src/contract': [],
    'src/core': ['src/contract'],
    'src/store': ['src/contract', 'src/core'],
    'src/platform': ['src/contract', 'src/core'],
    'src/screen': ['src/contract', 'src/core'],
    'src/client': ['src/contract', 'src/core'],
    'src/api': ['src/contract', 'src/core', 'src/store', 'src/platform', 'src/screen'],
    workers: ['src/contract', 'src/core', 'src/store', 'src/platform', 'src/screen'],
    dashboard: ['src/contract', 'src/core', 'src/client'],
  };
  const layerOf = (path: string) => Object.keys(mayImport).find((layer) => path.startsWith(`${layer}/`));

  it('import downwards only', () => {
    const wrong = sources.flatMap((path) => {
      const layer = layerOf(path);
      if (layer === undefined) return [];
      const imports = [...read(path).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, target]) =>
        new URL(target ?? '', `file:///${path}`).pathname.slice(1),
      );
      return imports
        .filter((target) => layerOf(target) !== layer && !mayImport[layer]?.includes(layerOf(target) ?? ''))
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('below the client know neither Node nor Redis', () => {
    const wrong = sources.filter(
      (path) =>
        /^src\/(contract|core|client)\//.test(path) &&
        /from '(node:|ioredis|bullmq|fastify)/.test(read(path)),
    );
    expect(wrong).toEqual([]);
  });

  it('take no schemas along into the browser', () => {
    const schemas = sources.filter(
      (path) =>
        /^src\/.*\.ts$/.test(path) && /^import \{[^}]*\bType\b[^}]*\} from 'typebox'/m.test(read(path)),
    );
    const wrong = sources
      .filter((path) => /^(dashboard|src\/client)\//.test(path))
      .flatMap((path) =>
        [...read(path).matchAll(/^import (?!type\b)[^;]*?from '(\.[^']+)'/gm)]
          .filter(([, target]) =>
            schemas.includes(new URL(target ?? '', `file:///${path}`).pathname.slice(1)),
          )
          .map(([line]) => `${path}: ${line}`),
      );
    expect(wrong).toEqual([]);
  });

  it('leave Redis to the store', () => {
    const wrong = sources.filter(
      (path) => !path.startsWith('src/store/') && /llmx:|from 'bullmq'/.test(read(path)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the text', () => {
  it('throws only what can be answered', () => {
    const wrong = sources.filter((path) => /throw new Error\(/.test(read(path)));
    expect(wrong).toEqual([]);
  });

  it('names no machine, no registry and nothing left to do', () => {
    const patterns = [/\/(wor|far)k\//, /"resolved": *"http/, /registry\.npmjs/, /\b(TO)DO\b|\b(FIX)ME\b/];
    const texts = files.filter((path) => !/\.(png|ico|lock)$/.test(path));
    const wrong = texts.filter((path) => patterns.some((pattern) => pattern.test(read(path))));
    expect(wrong).toEqual([]);
  });

  it('gives every test a sentence and skips none', () => {
    const wrong = files.filter(
      (path) =>
        path.endsWith('.test.ts') &&
        path !== 'test/tidy.test.ts' &&
        /\.(only|skip|todo|fails)\(/.test(read(path)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the tables', () => {
  it('of the configuration is the one of the code', () => {
    const table = /<!-- configuration -->\n([\s\S]*?)\n<!-- \/configuration -->/.exec(read('README.md'))?.[1];
    const rows = Object.entries(configVariables).map(([name, { default: value, description }]) => {
      const star = isSecret(name as ConfigVariableName) ? ' *' : '';
      return `| \`${name}\`${star} | ${value === '' ? '' : `\`${value}\``} | ${description} |`;
    });
    expect(table?.split('\n').slice(2)).toEqual(rows);
  });

  it('of the events and frames are those of the code', () => {
    const named = [...read('docs/events.md').matchAll(/^\| `([a-z]+\.[a-z]+)` \|/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual([...eventTypes, ...Object.keys(controlData)].sort());
  });

  it('of the faults on the page of the last full run, where there is one, are the scenarios of the code', () => {
    const page = 'docs/reliability.md';
    if (!files.includes(page)) return;
    const rows = [...read(page).matchAll(/^\| `([a-z-]+)` \| (.*?) \| \d+ \|/gm)].map(([, ...row]) => row);
    expect(rows).toEqual(scenarios.map(({ name, sentence }) => [name, sentence]));
  });

  it('of the problems is the one of the code, and every code is used', () => {
    const rows = Object.entries(problems).map(
      ([code, { status, title, retryable }]) =>
        `| \`${code}\` | ${status} | ${title} | ${retryable ? 'yes' : 'no'} |`,
    );
    expect(
      read('docs/problems.md')
        .split('\n')
        .filter((line) => line.startsWith('| `')),
    ).toEqual(rows);
    const text = sources
      .filter((path) => path !== 'src/contract/problem.ts')
      .map(read)
      .join('\n');
    expect(problemCodes.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });
});
