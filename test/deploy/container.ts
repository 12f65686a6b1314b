import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ComposeService } from './compose-file.ts';
import type { Image } from './image.ts';

/** One process run as the image and the compose file say: their entrypoint, environment, user and walls. */
export interface Container {
  child: ChildProcess;
  output(): string;
  errors(): string;
  /** Runs the health check of the image, as Docker would; answers its exit code. */
  checkHealth(): Promise<number>;
  /** SIGTERM; answers the exit code, or null when a signal ended it. */
  stop(): Promise<number | null>;
}

/** What stands for the network of Compose: the host `redis`, and the port that would be published. */
export interface Network {
  redisPort: number;
  apiPort: number;
}

export function startContainer(image: Image, service: ComposeService, network: Network): Container {
  const environment = environmentHere(image, service, network);
  const [program = '', ...rest] = [...walls(image, service), ...image.entrypoint, ...service.command];
  const child = spawn(program, rest, {
    cwd: image.workdir,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (bytes) => {
    output += bytes;
  });
  child.stderr.on('data', (bytes) => {
    errors += bytes;
  });
  const exited = once(child, 'close').then(() => child.exitCode);
  return {
    child,
    output: () => output,
    errors: () => errors,
    checkHealth: async () => {
      const [check = '', ...words] = [...walls(image, service), ...image.healthcheck];
      const options = { cwd: image.workdir, env: environment, timeout: 60_000 };
      return promisify(execFile)(check, words, options).then(
        () => 0,
        ({ code }) => Number(code ?? 1),
      );
    },
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** The user, and what `cap_drop` and `security_opt` take away: for root to give up, and nobody else can. */
function walls({ uid, gid }: Image, { cap_drop = [], security_opt = [] }: ComposeService): string[] {
  if (process.getuid?.() !== 0) return [];
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    ...(cap_drop.includes('ALL') ? ['--inh-caps=-all', '--bounding-set=-all'] : []),
    ...(security_opt.includes('no-new-privileges:true') ? ['--no-new-privs'] : []),
    '--',
  ];
}

function environmentHere(image: Image, service: ComposeService, network: Network): Record<string, string> {
  const declared: Record<string, string> = { ...image.environment, ...service.environment };
  const dataDir = declared.LLMMIXER_DATA_DIR ?? '';
  const redisUrl = declared.REDIS_URL ?? '';
  return {
    ...declared,
    PATH: `${join(image.folder, 'usr/local/bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: join(image.folder, 'home'),
    LLMMIXER_DATA_DIR: join(image.folder, dataDir),
    REDIS_URL: redisUrl.replace('//redis:6379', `//127.0.0.1:${network.redisPort}`),
    PORT: String(network.apiPort),
  };
}
