import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { configVariableNames, isSecret } from '../../src/platform/config-variables.ts';
import { durationMs, readCompose, variablesOf } from './compose-file.ts';
import { isCompose } from './compose-schema.ts';
import { copiesOf, environmentOf, execForm, readStages, type Stage, textsOf } from './dockerfile.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const key = 'llmx_main_0123456789abcdef0123456789abcdef';
const composePath = join(root, 'docker-compose.yml');
const { services, volumes } = readCompose(composePath, { LLMMIXER_API_KEY: key });
const stages = readStages(join(root, 'Dockerfile'));
const image = stages.at(-1) as Stage;
/** What may stand in an environment: ours, and the one Node knows. */
const known = [
  ...configVariableNames,
  ...configVariableNames.filter(isSecret).map((name) => `${name}_FILE`),
  'NODE_ENV',
];

describe('docker-compose.yml', () => {
  it('is what the Compose specification takes, which notices a slip', () => {
    const file = readCompose(composePath, { LLMMIXER_API_KEY: key });
    isCompose(file);
    expect(isCompose.errors).toBeNull();
    Object.assign(file.services.api, { healtcheck: { disable: true } });
    expect(isCompose(file)).toBe(false);
  });

  it('refuses to start without a key', () => {
    expect(() => readCompose(composePath, {})).toThrow('required variable LLMMIXER_API_KEY');
    expect(key.length).toBeGreaterThanOrEqual(limits.publicApiKeyLengthMin);
  });

  it('takes from outside, and gives to its services, only variables that exist', () => {
    const asked = variablesOf(composePath).filter((name) => name !== 'REDIS_MAXMEMORY');
    expect(asked.filter((name) => !known.includes(name))).toEqual([]);
    for (const { environment = {} } of [services.api, services.worker]) {
      expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
      expect(environment).toMatchObject({ REDIS_URL: 'redis://redis:6379/0', LLMMIXER_API_KEY: key });
    }
  });

  it('runs one image as one API and two workers, after a healthy Redis, and starts again what dies', () => {
    expect([services.api.command, services.worker.command]).toEqual([['api'], ['worker']]);
    expect(services.worker.deploy).toEqual({ replicas: 2 });
    for (const service of [services.api, services.worker]) {
      expect(service).toMatchObject({
        image: 'llmmixer',
        build: '.',
        restart: 'unless-stopped',
        depends_on: { redis: { condition: 'service_healthy' } },
      });
    }
  });

  it('gives a stop more time than the drain and its graces', () => {
    for (const { stop_grace_period = '', environment = {} } of [services.api, services.worker]) {
      const drainMs = Number(environment.LLMMIXER_DRAIN_MS);
      expect(drainMs).toBeLessThanOrEqual(limits.drainMsMax);
      expect(durationMs(stop_grace_period)).toBeGreaterThan(drainMs + limits.stopGraceMs);
    }
  });

  it('keeps Redis on disk and to itself, and publishes the API on this machine only', () => {
    const { command, ports, volumes: mounted } = services.redis;
    const settings = command
      .slice(1)
      .flatMap((word, index, all) => (word.startsWith('--') ? [`${word.slice(2)} ${all[index + 1]}`] : []));
    expect(settings).toEqual([
      'appendonly yes',
      'appendfsync everysec',
      'save ',
      'maxmemory-policy noeviction',
      'maxmemory 2gb',
      'stream-node-max-bytes 1024',
    ]);
    expect(ports).toBeUndefined();
    expect(mounted).toEqual(['redis:/data']);
    const port = environmentOf(image).PORT;
    expect(services.api.ports).toEqual([`127.0.0.1:${port}:${port}`]);
    expect(Object.keys(volumes)).toEqual(['redis', 'workspaces']);
  });

  it('checks the API by the image, Redis by an answer, and says that a worker has no check', () => {
    expect(services.api.healthcheck).toBeUndefined();
    expect(textsOf(image, 'HEALTHCHECK')).toHaveLength(1);
    expect(services.redis.healthcheck?.test).toEqual(['CMD-SHELL', 'redis-cli ping | grep -q PONG']);
    expect(services.worker.healthcheck).toEqual({ disable: true });
  });
});

describe('Dockerfile', () => {
  it('runs on the Node that package.json asks for, in every stage', () => {
    const [major] = /\d+/.exec(JSON.parse(read('package.json')).engines.node) ?? [];
    for (const { base } of stages) expect(base).toMatch(new RegExp(`^node:${major}-`));
  });

  it('starts node itself, so that signals reach it, as a user that is not root', () => {
    expect(execForm(textsOf(image, 'ENTRYPOINT')[0] ?? '')).toEqual(['node', 'src/main.ts']);
    expect(execForm(textsOf(image, 'CMD')[0] ?? '')).toEqual(['api']);
    expect(textsOf(image, 'USER')).toEqual(['1000:1000']);
    const environment = environmentOf(image);
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
    expect(textsOf(image, 'EXPOSE')).toEqual([environment.PORT]);
    expect(textsOf(image, 'VOLUME')).toEqual([environment.LLMMIXER_DATA_DIR]);
    expect(services.worker.volumes).toEqual([`workspaces:${environment.LLMMIXER_DATA_DIR}`]);
  });

  it('is not built on a base that lacks a program that terminals need', () => {
    const check = textsOf(image, 'RUN').find((text) => text.includes('command -v')) ?? '';
    const programs = ['bash', 'script', 'setsid'];
    const buildOn = (present: string[]) => {
      const base = mkdtempSync(join(tmpdir(), 'llmmixer-base-'));
      onTestFinished(() => rmSync(base, { recursive: true, maxRetries: 20 }));
      for (const name of present) writeFileSync(join(base, name), '', { mode: 0o755 });
      const { status, stdout } = spawnSync('/bin/sh', ['-c', check], {
        env: { PATH: base },
        encoding: 'utf8',
      });
      return { status, missing: /^(\w+) is missing$/m.exec(stdout)?.[1] };
    };
    expect(buildOn(programs)).toEqual({ status: 0, missing: undefined });
    for (const missing of programs)
      expect(buildOn(programs.filter((name) => name !== missing))).toEqual({ status: 1, missing });
  });

  it('copies what .dockerignore lets through, and that is all it lets through', () => {
    const [, ...allowed] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const copied = stages
      .flatMap(copiesOf)
      .filter(({ from }) => from === null)
      .flatMap(({ sources }) => sources);
    expect(allowed.map((line) => line.replace(/^!/, '')).sort()).toEqual([...new Set(copied)].sort());
    expect(read('.dockerignore')).toMatch(/^\*$/m);
  });
});
