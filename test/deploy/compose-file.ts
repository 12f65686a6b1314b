import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A service of our compose file, as far as the tests look at it. */
export interface ComposeService {
  image: string;
  build?: string;
  command: string[];
  environment?: Record<string, string>;
  healthcheck?: { test?: string[]; disable?: boolean };
  volumes?: string[];
  ports?: string[];
  depends_on?: Record<string, { condition: string }>;
  restart?: string;
  init?: boolean;
  stop_grace_period?: string;
  cap_drop?: string[];
  security_opt?: string[];
  deploy?: { replicas: number };
}

export interface ComposeFile {
  services: Record<'redis' | 'api' | 'worker', ComposeService>;
  volumes: Record<string, unknown>;
}

/** The file as Compose reads it: merged, with variables filled in from `environment`. */
export function readCompose(path: string, environment: Record<string, string>): ComposeFile {
  return mapTexts(parseCompose(path), (text) => interpolate(text, environment)) as ComposeFile;
}

/** Names of the variables that it takes from outside. */
export function variablesOf(path: string): string[] {
  const names: string[] = [];
  mapTexts(parseCompose(path), (text) => {
    for (const [, name = ''] of text.matchAll(variable)) names.push(name);
    return text;
  });
  return names;
}

function parseCompose(path: string): unknown {
  return parse(readFileSync(path, 'utf8'), { merge: true });
}

/**
 * `${NAME:-default}` and `${NAME:?why not}`, in values only.
 * @see https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
 */
const variable = /\$\{(\w+):([-?])([^}]*)\}/g;

function interpolate(text: string, environment: Record<string, string>): string {
  return text.replaceAll(variable, (_, name: string, kind: string, rest: string) => {
    const value = environment[name];
    if (value) return value;
    if (kind === '?') throw new TypeError(`required variable ${name} is missing a value: ${rest}`);
    return rest;
  });
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapTexts(each, change)]));
}

/** `90s` and `5m` in milliseconds. */
export function durationMs(text: string): number {
  const [, amount, unit] = /^(\d+)(s|m)$/.exec(text) ?? [];
  if (amount === undefined) throw new TypeError(`not a duration: ${text}`);
  return Number(amount) * (unit === 'm' ? 60_000 : 1000);
}
