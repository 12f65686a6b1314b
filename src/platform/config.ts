import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { limits } from '../contract/limits.ts';
import { nearestName } from '../core/nearest-name.ts';
import { builtInProviders, readBuiltInProviders } from './built-in-providers.ts';
import { ConfigReader } from './config-reader.ts';
import { configVariableNames, isSecret } from './config-variables.ts';
import type { Environment } from './environment.ts';
import { type JobLimits, readJobLimits } from './job-limits.ts';
import { isLoopback } from './loopback.ts';
import { readPlaces } from './places.ts';
import { readProviders } from './providers-file.ts';
import { exitCodes, StartError } from './start-error.ts';

/** A provider of models: one of ours, or an OpenAI-compatible server from the file that `LLMMIXER_PROVIDERS` names. */
export interface ProviderConfig {
  name: string;
  /** Without a slash at its end. */
  baseUrl: string;
  /** The variable that holds the key; absent for servers that need none. */
  keyVariable?: string;
  /** The key itself, read from `keyVariable` (or its `_FILE`) by the door. */
  key?: string;
  /** Whether calls may be made without the key that `keyVariable` would hold. */
  keyIsOptional?: boolean;
  models: string[];
}

const geminiSdks = ['auto', 'genai', 'generative-ai'] as const;
export type GeminiSdkChoice = (typeof geminiSdks)[number];

const sandboxChoices = ['auto', 'required', 'user', 'none'] as const;
const logLevels = ['info', 'fatal', 'error', 'warn', 'debug', 'trace', 'silent'] as const;

/** The whole configuration, checked and with every default filled in. */
export interface Config {
  host: string;
  port: number;
  /** null: a private Redis in `dataDir`. */
  redisUrl: string | null;
  logLevel: (typeof logLevels)[number];
  dataDir: string;
  /** null: a key is generated in `dataDir`. */
  apiKey: string | null;
  /** The file the key was configured by, absolute; null where it was not. */
  apiKeyFile: string | null;
  workers: number;
  concurrency: number;
  providers: ProviderConfig[];
  geminiSdk: GeminiSdkChoice;
  /** Calls at once of a provider, by its name, over all workers; who is not named has no limit. */
  providerConcurrency: Readonly<Record<string, number>>;
  /** What all calls of a day may cost, in dollars; null: any amount. */
  dailyBudgetUsd: number | null;
  /** Path of the redis-server to use for the private Redis; null: look for one. */
  redisServer: string | null;
  /** Names allowed in Host and Origin beside loopback, without port. */
  allowedHosts: string[];
  publicUrl: string | null;
  /** Absolute folders in which a job may ask for a `cwd`. */
  workRoots: string[];
  sandbox: (typeof sandboxChoices)[number];
  /** Whether commands that do not say reach the network. */
  network: boolean;
  /** Absolute folders that jobs may ask to see. */
  readOnlyPaths: string[];
  /** The users that commands run as where the service is root, both ends included. */
  jobUids: { first: number; last: number };
  jobLimits: JobLimits;
  retentionDays: number;
  /** Hours the folder of a job stays after it ended. */
  workspaceHours: number;
  keepBytes: number;
  drainMs: number;
}

/** What is wrong with the configuration: all of it, a line each. */
export class ConfigError extends StartError {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(exitCodes.misconfigured, faults.join('\n'));
    this.faults = faults;
  }
}

/**
 * Reads the configuration from the environment and the files it names, and fills in the defaults. An empty
 * variable counts as absent.
 * @throws {ConfigError} with all faults.
 */
export function readConfig(env: Environment): Config {
  const reader = new ConfigReader(env);
  const config: Config = {
    host: reader.text('HOST') ?? '',
    port: reader.integer('PORT', { min: 0, max: 65_535 }),
    redisUrl: readRedisUrl(reader),
    logLevel: reader.oneOf('LOG_LEVEL', logLevels),
    dataDir: env.LLMMIXER_DATA_DIR ? resolve(env.LLMMIXER_DATA_DIR) : readPlaces(env).dataDir,
    apiKey: reader.text('LLMMIXER_API_KEY'),
    apiKeyFile: env.LLMMIXER_API_KEY_FILE ? resolve(env.LLMMIXER_API_KEY_FILE) : null,
    workers: reader.integer('LLMMIXER_WORKERS', { min: 1, max: limits.workersMax }),
    concurrency: reader.integer('LLMMIXER_CONCURRENCY', { min: 1, max: limits.concurrencyMax }),
    providers: [...readBuiltInProviders(reader), ...readProviders(reader)],
    geminiSdk: reader.oneOf('LLMMIXER_GEMINI_SDK', geminiSdks),
    providerConcurrency: readProviderConcurrency(reader),
    dailyBudgetUsd: reader.dollars('LLMMIXER_DAILY_BUDGET_USD'),
    redisServer: reader.text('LLMMIXER_REDIS_SERVER'),
    allowedHosts: reader.list('LLMMIXER_ALLOWED_HOSTS', ',', hostFault),
    publicUrl: reader.url('LLMMIXER_PUBLIC_URL', ['http:', 'https:'])?.replace(/\/+$/, '') ?? null,
    workRoots: reader.list('LLMMIXER_WORK_ROOTS', ':', absolutePathFault),
    sandbox: reader.oneOf('LLMMIXER_SANDBOX', sandboxChoices),
    network: reader.oneOf('LLMMIXER_NETWORK', ['on', 'off']) === 'on',
    readOnlyPaths: reader.list('LLMMIXER_READ_ONLY_PATHS', ':', absolutePathFault),
    ...readJobLimits(reader),
    retentionDays: reader.integer('LLMMIXER_RETENTION_DAYS', { min: 1, max: limits.retentionDaysMax }),
    workspaceHours: reader.integer('LLMMIXER_WORKSPACE_HOURS', { min: 0, max: limits.workspaceHoursMax }),
    keepBytes: reader.integer('LLMMIXER_KEEP_BYTES', { min: limits.keepBytesMin, max: limits.keepBytesMax }),
    drainMs: reader.integer('LLMMIXER_DRAIN_MS', { min: 0, max: limits.drainMsMax }),
  };
  const faults = [...reader.faults, ...keyFaults(config)];
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** The files that secrets of the service are read from. Absolute paths without links in them. */
export function secretFilesOf(env: Environment, { providers }: Config): string[] {
  return secretFileVariables(providers).flatMap((name) => {
    const path = env[name];
    return path && existsSync(path) ? [realpathSync(path)] : [];
  });
}

function secretFileVariables(providers: readonly ProviderConfig[]): string[] {
  const variables = [
    ...configVariableNames.filter(isSecret),
    ...providers.flatMap(({ keyVariable }) => keyVariable ?? []),
  ];
  return variables.map((name) => `${name}_FILE`);
}

/** What looks like a mistake but stops nothing: variables of ours that are none, keys that are not there. */
export function configWarnings(env: Environment, config: Config): string[] {
  const keyVariables = config.providers.flatMap(({ keyVariable }) => keyVariable ?? []);
  const known = new Set([...configVariableNames, ...keyVariables, ...secretFileVariables(config.providers)]);
  const unknown = Object.keys(env).filter((name) => name.startsWith('LLMMIXER_') && !known.has(name));
  const nearest = (name: string): string => {
    const found = nearestName(name, [...known]);
    return found === null ? '' : `; did you mean ${found}?`;
  };
  return [
    ...unknown.map((name) => `${name} is not a variable of LLMMixer and does nothing${nearest(name)}`),
    ...config.providers
      .filter(({ name }) => !builtInProviders.some((builtIn) => builtIn === name))
      .filter(({ key, keyVariable }) => keyVariable !== undefined && key === undefined)
      .map(({ name, keyVariable }) => `${keyVariable} is not set, so prompts to ${name}/ will fail`),
  ];
}

function absolutePathFault(path: string): string | null {
  return isAbsolute(path) ? null : 'is not an absolute path';
}

function readProviderConcurrency(reader: ConfigReader): Record<string, number> {
  const parts = reader.list('LLMMIXER_PROVIDER_CONCURRENCY', ',', (part) =>
    /^[a-z][a-z0-9-]*=[1-9]\d{0,5}$/.test(part) ? null : 'is not written provider=number',
  );
  return Object.fromEntries(
    parts.map((part) => part.split('=')).map(([name, count]) => [name, Number(count)]),
  );
}

const redisProtocols = ['redis:', 'rediss:', 'unix:'];

function readRedisUrl(reader: ConfigReader): string | null {
  const text = reader.url('REDIS_URL', redisProtocols);
  const url = text === null ? null : URL.parse(text);
  if (url === null || !redisProtocols.includes(url.protocol)) return text;
  if (url.protocol === 'unix:') {
    const named = url.host === '' && url.pathname.length > 1;
    if (!named || !/^\d*$/.test(url.searchParams.get('db') ?? ''))
      reader.faults.push('REDIS_URL must be written unix:///path or unix:///path?db=0 for a socket.');
  } else if (!/^\/?\d*$/.test(url.pathname)) {
    reader.faults.push(
      'REDIS_URL must end in the number of a database, such as redis://127.0.0.1:6379/0, or in none.',
    );
  }
  return text;
}

function hostFault(host: string): string | null {
  return /^[a-z0-9.-]+$|^\[[0-9a-f:.]+\]$/i.test(host) ? null : 'is not a host name without port';
}

function keyFaults({ host, apiKey }: Config): string[] {
  const faults: string[] = [];
  if (apiKey !== null && !/^[\x21-\x7e]+$/.test(apiKey))
    faults.push('LLMMIXER_API_KEY must be printable ASCII without spaces, since it travels in a header.');
  if (!isLoopback(host) && (apiKey?.length ?? 0) < limits.publicApiKeyLengthMin)
    faults.push(
      `HOST ${host} is reached from other machines, so LLMMIXER_API_KEY must be set, with at least ${limits.publicApiKeyLengthMin} characters.`,
    );
  return faults;
}
