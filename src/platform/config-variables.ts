import { limits } from '../contract/limits.ts';

export interface ConfigVariable {
  /** As people read it; empty where there is none. */
  default: string;
  description: string;
  /** May also be given as the name of a file, in the variable with `_FILE` at its end. */
  secret?: true;
}

/** Every variable of the service. What is not here is not read. */
export const configVariables = {
  HOST: {
    default: '127.0.0.1',
    description: 'Address to listen on. One that other machines reach needs `LLMMIXER_API_KEY`.',
  },
  PORT: { default: '4400', description: 'Port to listen on; 0 takes a free one.' },
  REDIS_URL: {
    default: '',
    description:
      '`redis://`, `rediss://` or `unix:///path`. Without it a private Redis runs in the data folder.',
    secret: true,
  },
  LOG_LEVEL: {
    default: 'info',
    description: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.',
  },
  LLMMIXER_DATA_DIR: {
    default: '$XDG_DATA_HOME/llmmixer',
    description: 'Folder of the private Redis, the generated key and the workspaces of jobs.',
  },
  LLMMIXER_API_KEY: {
    default: '',
    description: 'The key clients send. Without it one is generated in the data folder.',
    secret: true,
  },
  LLMMIXER_WORKERS: { default: '1', description: 'Worker processes under `llmmixer up`.' },
  LLMMIXER_CONCURRENCY: { default: '16', description: 'Jobs at once in one worker.' },
  ANTHROPIC_API_KEY: { default: '', description: 'Key for the models of `anthropic/`.', secret: true },
  ANTHROPIC_BASE_URL: {
    default: 'https://api.anthropic.com',
    description: 'Where `anthropic/` is. Another address than the default needs no key.',
  },
  OPENAI_API_KEY: { default: '', description: 'Key for the models of `openai/`.', secret: true },
  OPENAI_BASE_URL: {
    default: 'https://api.openai.com/v1',
    description: 'Where `openai/` is. Another address than the default needs no key.',
  },
  GEMINI_API_KEY: { default: '', description: 'Key for the models of `gemini/`.', secret: true },
  GOOGLE_API_KEY: { default: '', description: 'The same, where `GEMINI_API_KEY` is not set.', secret: true },
  GEMINI_BASE_URL: {
    default: 'https://generativelanguage.googleapis.com',
    description: 'Where `gemini/` is. Another address than the default needs no key.',
  },
  LLMMIXER_GEMINI_SDK: {
    default: 'auto',
    description:
      "Which of Google's libraries writes requests: `generative-ai`, `genai`, or `auto` for the second where a model or an option needs it.",
  },
  LLMMIXER_PROVIDERS: {
    default: '',
    description:
      'JSON file of OpenAI-compatible servers: a list of `{name, baseUrl, keyVariable?, models?}`.',
  },
  LLMMIXER_PROVIDER_CONCURRENCY: {
    default: '',
    description:
      'Calls at once of a provider, over all workers: `openai=20,ollama=2`. Who is not named has no limit.',
  },
  LLMMIXER_DAILY_BUDGET_USD: {
    default: '',
    description:
      'What all calls of a day (UTC) may cost, where their prices are known. Without it there is no bound.',
  },
  LLMMIXER_REDIS_SERVER: {
    default: '',
    description: 'Program to run as the private Redis instead of looking for one.',
  },
  LLMMIXER_ALLOWED_HOSTS: {
    default: '',
    description: 'Host names beside loopback under which the service is reached, separated by commas.',
  },
  LLMMIXER_PUBLIC_URL: {
    default: '',
    description: 'Address under which people reach the service, where a proxy stands before it.',
  },
  LLMMIXER_WORK_ROOTS: {
    default: '',
    description: 'Folders in which a job may ask for a `cwd`, separated by colons.',
  },
  LLMMIXER_SANDBOX: {
    default: 'auto',
    description:
      'How commands are shut in: `auto` takes the best that works here, `required` does not start without a sandbox, `user` and `none` ask for less.',
  },
  LLMMIXER_NETWORK: {
    default: 'on',
    description: 'Whether commands reach the network that do not say: `on` or `off`.',
  },
  LLMMIXER_READ_ONLY_PATHS: {
    default: '',
    description: 'Folders that jobs may ask to see in their sandbox, separated by colons.',
  },
  LLMMIXER_JOB_UIDS: {
    default: '61184-65519',
    description:
      'Where the service is root: the users that commands run as, one a job, `first-last`; a single one serves all.',
  },
  LLMMIXER_JOB_PROCESSES: { default: '1024', description: 'Processes and threads of one job, at most.' },
  LLMMIXER_JOB_OPEN_FILES: { default: '4096', description: 'Open files of one process of a job, at most.' },
  LLMMIXER_JOB_FILE_BYTES: {
    default: String(limits.jobFileBytesDefault),
    description: 'Bytes of one file that a job writes, at most.',
  },
  LLMMIXER_JOB_CPU_SECONDS: {
    default: String(limits.jobCpuSecondsDefault),
    description: 'CPU time of one process of a job, at most.',
  },
  LLMMIXER_JOB_MEMORY_BYTES: {
    default: '0',
    description:
      'Memory of one job, at most, where a control group can be made; 0 is half of what the machine has.',
  },
  LLMMIXER_RETENTION_DAYS: {
    default: '7',
    description: `Days a job is kept after it ended: 1 to ${limits.retentionDaysMax}.`,
  },
  LLMMIXER_WORKSPACE_HOURS: {
    default: String(limits.workspaceHoursDefault),
    description: `Hours the folder of a command is kept after its job ended: 0 to ${limits.workspaceHoursMax}.`,
  },
  LLMMIXER_KEEP_BYTES: {
    default: String(limits.logBytesDefault),
    description: `Bytes kept of one job's log, its unbroken tail: ${limits.keepBytesMin} to ${limits.keepBytesMax}.`,
  },
  LLMMIXER_DRAIN_MS: {
    default: String(limits.drainMsDefault),
    description: 'Time running jobs get to finish when the service stops.',
  },
} as const satisfies Record<string, ConfigVariable>;

export type ConfigVariableName = keyof typeof configVariables;
export const configVariableNames = Object.keys(configVariables) as ConfigVariableName[];

/** Whether the variable may be given as a file. */
export function isSecret(name: ConfigVariableName): boolean {
  return 'secret' in configVariables[name];
}
