import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError, configWarnings, readConfig } from '../../src/platform/config.ts';
import { configVariableNames, configVariables } from '../../src/platform/config-variables.ts';
import type { Environment } from '../../src/platform/environment.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llmmixer-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));

test('an empty environment is a whole configuration, and empty variables count as absent', () => {
  const empty = Object.fromEntries(configVariableNames.map((name) => [name, '']));
  const config = readConfig({ HOME: '/home/somebody', ...empty });
  expect({ ...config, providers: [] }).toEqual({
    host: '127.0.0.1',
    port: 4400,
    redisUrl: null,
    logLevel: 'info',
    dataDir: '/home/somebody/.local/share/llmmixer',
    apiKey: null,
    apiKeyFile: null,
    workers: 1,
    concurrency: 16,
    providers: [],
    geminiSdk: 'auto',
    providerConcurrency: {},
    dailyBudgetUsd: null,
    redisServer: null,
    allowedHosts: [],
    publicUrl: null,
    workRoots: [],
    sandbox: 'auto',
    network: true,
    readOnlyPaths: [],
    jobUids: { first: 61_184, last: 65_519 },
    jobLimits: {
      processes: 1024,
      openFiles: 4096,
      fileBytes: 2 ** 33,
      cpuSeconds: 86_400,
      memoryBytes: Math.floor(totalmem() / 2),
    },
    retentionDays: 7,
    workspaceHours: 24,
    keepBytes: 8 * 1024 * 1024,
    drainMs: 10_000,
  });
  expect(configWarnings({ HOME: '/home/somebody', ...empty }, config)).toEqual([]);
});

test('every variable has a description, and every default but the data folder is itself valid', () => {
  const defaults = Object.fromEntries(
    configVariableNames.map((name) => [name, configVariables[name].default]),
  );
  for (const name of configVariableNames) expect(configVariables[name].description).toMatch(/\S.*\.$/);
  expect(readConfig({ HOME: '/h', ...defaults, LLMMIXER_DATA_DIR: '' })).toEqual(readConfig({ HOME: '/h' }));
});

test('all faults are told at once, each with its variable and what would be right', () => {
  const faults = faultsOf({
    PORT: '80x',
    LOG_LEVEL: 'loud',
    REDIS_URL: 'http://user:hidden@somewhere',
    LLMMIXER_WORKERS: '0',
    LLMMIXER_DRAIN_MS: '-1',
    LLMMIXER_ALLOWED_HOSTS: 'good.example, http://bad.example',
    LLMMIXER_WORK_ROOTS: '/srv:relative',
    LLMMIXER_SANDBOX: 'yes',
    LLMMIXER_JOB_UIDS: '9-3',
    LLMMIXER_PUBLIC_URL: 'mixer.example',
    LLMMIXER_PROVIDERS: join(folder, 'absent.json'),
  });
  expect(faults).toEqual([
    'PORT must be a whole number from 0 to 65535, not "80x".',
    'REDIS_URL must be a URL that begins with redis:// or rediss:// or unix://.',
    'LOG_LEVEL must be one of info, fatal, error, warn, debug, trace, silent, not "loud".',
    'LLMMIXER_WORKERS must be a whole number from 1 to 64, not "0".',
    `LLMMIXER_PROVIDERS: ${join(folder, 'absent.json')} cannot be read (ENOENT).`,
    'LLMMIXER_ALLOWED_HOSTS: "http://bad.example" is not a host name without port.',
    'LLMMIXER_PUBLIC_URL must be a URL that begins with http:// or https://.',
    'LLMMIXER_WORK_ROOTS: "relative" is not an absolute path.',
    'LLMMIXER_SANDBOX must be one of auto, required, user, none, not "yes".',
    'LLMMIXER_JOB_UIDS must be a user id or two of them, such as 61184-65519, not "9-3".',
    'LLMMIXER_DRAIN_MS must be a whole number from 0 to 3600000, not "-1".',
  ]);
});

test('secrets may come from files, whose last line break is not part of them', async () => {
  const file = join(folder, 'key');
  await writeFile(file, 'from-a-file\n');
  expect(readConfig({ LLMMIXER_API_KEY_FILE: file })).toMatchObject({
    apiKey: 'from-a-file',
    apiKeyFile: file,
  });
  await writeFile(file, 'rediss://redis.example:6380\n');
  expect(readConfig({ REDIS_URL_FILE: file }).redisUrl).toBe('rediss://redis.example:6380');
});

test.each([
  'redis://127.0.0.1:6379/abc',
  'redis://127.0.0.1:6379/0/1',
  'rediss://:hidden@redis.example/-1',
  'unix://tmp/redis.sock',
  'unix:///',
  'unix:///tmp/redis.sock?db=first',
])('REDIS_URL %s names no place and database, and is refused without being repeated', (url) => {
  const faults = faultsOf({ REDIS_URL: url });
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(/^REDIS_URL must (end in the number of a database|be written unix:\/\/\/path)/);
  expect(faults[0]).not.toContain('hidden');
});

test.each([
  'redis://127.0.0.1:6379',
  'redis://user:key@redis.example/',
  'rediss://redis.example:6380/15',
  'unix:///tmp/redis.sock',
  'unix:///tmp/redis.sock?db=3',
])('REDIS_URL %s is taken', (url) => {
  expect(readConfig({ REDIS_URL: url }).redisUrl).toBe(url);
});

test('a secret that is given twice, or whose file is absent or empty, is refused', async () => {
  const file = join(folder, 'empty');
  await writeFile(file, '\n');
  expect(faultsOf({ LLMMIXER_API_KEY: 'a', LLMMIXER_API_KEY_FILE: file })).toEqual([
    'LLMMIXER_API_KEY and LLMMIXER_API_KEY_FILE are both set; keep one of them.',
  ]);
  expect(faultsOf({ LLMMIXER_API_KEY_FILE: file })).toEqual([`LLMMIXER_API_KEY_FILE: ${file} is empty.`]);
  expect(faultsOf({ REDIS_URL_FILE: folder })).toEqual([
    `REDIS_URL_FILE: ${folder} cannot be read (EISDIR).`,
  ]);
});

test.each(['0.0.0.0', '::', '192.168.1.5', 'mixer.example'])(
  'listening on %s needs a key of at least 32 characters',
  (host) => {
    const fault = `HOST ${host} is reached from other machines, so LLMMIXER_API_KEY must be set, with at least 32 characters.`;
    expect(faultsOf({ HOST: host })).toEqual([fault]);
    expect(faultsOf({ HOST: host, LLMMIXER_API_KEY: 'k'.repeat(31) })).toEqual([fault]);
    expect(readConfig({ HOST: host, LLMMIXER_API_KEY: 'k'.repeat(32) }).host).toBe(host);
  },
);

test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('listening on %s needs no key', (host) => {
  expect(readConfig({ HOST: host }).host).toBe(host);
});

test('a key that no header can carry is refused without being repeated', () => {
  expect(faultsOf({ LLMMIXER_API_KEY: 'two words' })).toEqual([
    'LLMMIXER_API_KEY must be printable ASCII without spaces, since it travels in a header.',
  ]);
});

test('providers come from their file, their keys from the variables it names', async () => {
  const file = await providersFile([
    { name: 'local', baseUrl: 'http://127.0.0.1:11434/v1', models: ['small'] },
    { name: 'router', baseUrl: 'https://router.example/v1', keyVariable: 'ROUTER_KEY' },
    { name: 'absent', baseUrl: 'https://absent.example/v1', keyVariable: 'ABSENT_KEY' },
  ]);
  const env = { LLMMIXER_PROVIDERS: file, ROUTER_KEY: 'secret' };
  const config = readConfig(env);
  expect(config.providers.slice(3)).toEqual([
    { name: 'local', baseUrl: 'http://127.0.0.1:11434/v1', models: ['small'] },
    {
      name: 'router',
      baseUrl: 'https://router.example/v1',
      keyVariable: 'ROUTER_KEY',
      key: 'secret',
      models: [],
    },
    { name: 'absent', baseUrl: 'https://absent.example/v1', keyVariable: 'ABSENT_KEY', models: [] },
  ]);
  expect(configWarnings(env, config)).toEqual(['ABSENT_KEY is not set, so prompts to absent/ will fail']);
});

test('the providers of ours are always there, with the key and the address that are set', () => {
  const ours = (env: Record<string, string>) => readConfig(env).providers;
  expect(ours({})).toEqual([
    { name: 'anthropic', baseUrl: 'https://api.anthropic.com', keyVariable: 'ANTHROPIC_API_KEY', models: [] },
    { name: 'openai', baseUrl: 'https://api.openai.com/v1', keyVariable: 'OPENAI_API_KEY', models: [] },
    {
      name: 'gemini',
      baseUrl: 'https://generativelanguage.googleapis.com',
      keyVariable: 'GEMINI_API_KEY',
      models: [],
    },
  ]);
  const [anthropic, , gemini] = ours({ ANTHROPIC_BASE_URL: 'http://127.0.0.1:1/', GOOGLE_API_KEY: 'g' });
  expect(anthropic).toMatchObject({ baseUrl: 'http://127.0.0.1:1', keyIsOptional: true });
  expect(gemini).toMatchObject({ keyVariable: 'GOOGLE_API_KEY', key: 'g' });
  expect(ours({ GOOGLE_API_KEY: 'g', GEMINI_API_KEY: 'h' })[2]).toMatchObject({ key: 'h' });
  expect(configWarnings({}, readConfig({}))).toEqual([]);
});

test('a provider must have a name of its own, an address and no unknown field', async () => {
  const twice = { name: 'twice', baseUrl: 'http://a.example' };
  const taken = await providersFile([twice, twice, { name: 'demo', baseUrl: 'http://b.example' }]);
  expect(faultsOf({ LLMMIXER_PROVIDERS: taken })).toEqual([
    `LLMMIXER_PROVIDERS: ${taken} names "twice", which is taken; give the provider another name.`,
    `LLMMIXER_PROVIDERS: ${taken} names "demo", which is taken; give the provider another name.`,
  ]);
  const wrong = await providersFile([{ name: 'Big', baseUrl: 'ftp://x', apiKey: 'k' }]);
  const faults = faultsOf({ LLMMIXER_PROVIDERS: wrong }).join('\n');
  expect(faults).toContain(`${wrong} at /0/name `);
  expect(faults).toContain(`${wrong} at /0/baseUrl `);
  expect(faults).toContain('apiKey');
  await writeFile(wrong, 'not json');
  expect(faultsOf({ LLMMIXER_PROVIDERS: wrong })).toEqual([`LLMMIXER_PROVIDERS: ${wrong} is not JSON.`]);
});

test('a misspelled variable is named with the one that was meant', () => {
  const env = { LLMMIXER_WORKER: '2', LLMMIXER_SOMETHING_ELSE: '1', WORKERS: '9' };
  expect(configWarnings(env, readConfig(env))).toEqual([
    'LLMMIXER_WORKER is not a variable of LLMMixer and does nothing; did you mean LLMMIXER_WORKERS?',
    'LLMMIXER_SOMETHING_ELSE is not a variable of LLMMixer and does nothing',
  ]);
});

test('the data folder follows XDG_DATA_HOME, and one that is configured becomes absolute', () => {
  expect(readConfig({ XDG_DATA_HOME: '/data' }).dataDir).toBe('/data/llmmixer');
  expect(readConfig({ HOME: '/h', XDG_DATA_HOME: 'relative' }).dataDir).toBe('/h/.local/share/llmmixer');
  expect(readConfig({ LLMMIXER_DATA_DIR: 'here' }).dataDir).toBe(join(process.cwd(), 'here'));
});

function faultsOf(env: Environment): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) {
      expect(error.exitCode).toBe(78);
      return error.faults;
    }
    throw error;
  }
  return [];
}

async function providersFile(content: unknown): Promise<string> {
  const file = join(folder, 'providers.json');
  await writeFile(file, JSON.stringify(content));
  return file;
}
