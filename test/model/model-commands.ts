import type { Redis } from 'ioredis';
import type { ModelJob, ModelLog, ScriptName } from './model-log.ts';

/** The commands that `EventLog` sends, carried out on a model as a server carries them out: at once, whole. */
export class ModelCommands {
  readonly #log: ModelLog;

  constructor(log: ModelLog) {
    this.#log = log;
  }

  /** A script is known by the name in its contract. */
  script(source: string): string {
    return /^-- ([A-Z]+): /m.exec(source)?.[1]?.toLowerCase() ?? 'unknown';
  }

  evalsha(sha: string, args: readonly (string | number)[]): string[] {
    const [count, ...rest] = args.map(String);
    const keys = rest.slice(0, Number(count));
    return this.#log.run(sha as ScriptName, keys, rest.slice(Number(count)));
  }

  hmget(key: string, names: readonly string[]): (string | null)[] {
    const job = this.#log.jobs.get(key);
    const hash = job === undefined ? {} : hashOf(job);
    return names.map((name) => hash[name] ?? null);
  }
}

/**
 * Sends each command through `carry`, which decides whether and when it is carried out and answered.
 * `payloads` are those of the events that it appends.
 */
export function redisOf(
  commands: ModelCommands,
  carry: <T>(command: () => T, payloads: readonly string[]) => Promise<T>,
): Pick<Redis, 'evalsha' | 'script' | 'hmget'> {
  const redis = {
    script: (_load: string, source: string) => carry(() => commands.script(source), []),
    evalsha: (sha: string, ...args: (string | number)[]) =>
      carry(() => commands.evalsha(sha, args), sha === 'append' ? appendedPayloads(args.map(String)) : []),
    hmget: (key: string, ...names: string[]) => carry(() => commands.hmget(key, names), []),
  };
  return redis as unknown as Pick<Redis, 'evalsha' | 'script' | 'hmget'>;
}

/** APPEND has three keys, fourteen arguments, then fields and items. */
function appendedPayloads(args: readonly string[]): string[] {
  const fields = 1 + 3 + 14;
  const items = fields + 1 + 2 * Number(args[fields]);
  return args.slice(items).filter((_, index) => index % 2 === 1);
}

/** The hash that Redis keeps of a job. */
export function hashOf(job: ModelJob): Record<string, string> {
  const numbers = { ep: job.epoch, seq: job.seq, min: job.min, bytes: job.bytes, att: job.attempt };
  const times = { lease: job.lease, mark: job.mark, due: job.due };
  const hash: Record<string, string | number | null> = {
    ...Object.fromEntries(job.fields),
    ...numbers,
    ...times,
    ...{ st: job.started, used: job.used, lost: job.lost, run: job.run, own: job.owner, prev: job.prev },
    ...{ parks: job.parks === 0 ? null : job.parks },
    ...{ done: job.done ? '1' : null, cancel: job.cancel ? '1' : null, ttl: job.ttl },
    ...Object.fromEntries([...job.producers].map(([name, last]) => [`p:${name}`, last])),
    ...Object.fromEntries([...job.questions].map(([id, value]) => [`i:${id}`, value])),
  };
  return Object.fromEntries(
    Object.entries(hash).flatMap(([name, value]) => (value === null ? [] : [[name, `${value}`]])),
  );
}
