/** An OpenAI-compatible server from the file that `LLMMIXER_PROVIDERS` names. */
export interface ProviderConfig {
  name: string;
  baseUrl: string;
  /** The variable that holds the key; absent for servers that need none. */
  keyVariable?: string;
  /** The key itself, read from `keyVariable` (or its `_FILE`) by the door. */
  key?: string;
  models: string[];
}

/** The whole configuration, checked and with every default filled in. */
export interface Config {
  host: string;
  port: number;
  /** null: a private Redis in `dataDir`. */
  redisUrl: string | null;
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  dataDir: string;
  /** null: a key is generated in `dataDir`. */
  apiKey: string | null;
  workers: number;
  concurrency: number;
  providers: ProviderConfig[];
  /** Path of the redis-server to use for the private Redis; null: look for one. */
  redisServer: string | null;
  /** Names allowed in Host and Origin beside loopback, without port. */
  allowedHosts: string[];
  publicUrl: string | null;
  /** Absolute folders in which a job may ask for a `cwd`. */
  workRoots: string[];
  retentionDays: number;
  keepBytes: number;
  drainMs: number;
}
