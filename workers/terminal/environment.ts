import { workerMark } from './worker-mark.ts';

export interface CommandEnvironmentOptions {
  /** The service's own environment, as its door read it. */
  base: Readonly<Record<string, string | undefined>>;
  job: {
    id: string;
    /** Drawn anew for every run: with the id it marks the processes of this run. */
    run: string;
    /** Absolute path; becomes HOME. */
    workspace: string;
    env?: Readonly<Record<string, string>>;
    secrets?: Readonly<Record<string, string>>;
  };
  /** What `workerMark()` gives, unless told. */
  worker?: string;
  interactive: boolean;
}

/**
 * The whole environment of a command: an allow-list from the service's own, then the job's variables,
 * then its secrets, then our marks, which nothing overrides. So no provider key, LD_*, NODE_OPTIONS or
 * BASH_ENV of the service reaches a command; a job may set those for itself.
 */
export function commandEnvironment(options: CommandEnvironmentOptions): Record<string, string> {
  const { base, job, interactive, worker = workerMark() } = options;
  const inherited = Object.entries(base).filter(([name]) => name === 'TZ' || /^(LANG|LC_[A-Z]+)$/.test(name));
  const own = Object.entries({ ...job.env, ...job.secrets }).filter(
    ([name]) => !name.startsWith('LLMMIXER_'),
  );
  return {
    LANG: 'C.UTF-8',
    ...Object.fromEntries(inherited.flatMap(([name, value]) => (value ? [[name, value]] : []))),
    PATH: cleanPath(base.PATH ?? ''),
    HOME: job.workspace,
    ...(interactive ? { TERM: 'xterm-256color', COLORTERM: 'truecolor' } : { TERM: 'dumb' }),
    ...Object.fromEntries(own),
    LLMMIXER_JOB_ID: job.id,
    LLMMIXER_RUN: job.run,
    LLMMIXER_WORKER: worker,
  };
}

/**
 * Takes off what npm puts in front (`node_modules/.bin`, node-gyp's folder), or jobs would run with our
 * Node and our tools, and relative folders, or a job's own folder would be searched for programs.
 */
export function cleanPath(path: string): string {
  const kept = path.split(':').filter((it) => it.startsWith('/') && !isOurs(it));
  return kept.length > 0 ? kept.join(':') : '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
}

function isOurs(folder: string): boolean {
  return /\/node_modules\/\.bin\/*$/.test(folder) || /\/node-gyp-bin\/*$/.test(folder);
}
