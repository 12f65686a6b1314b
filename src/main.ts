#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { limits } from './contract/limits.ts';
import { type Config, configWarnings, readConfig } from './platform/config.ts';
import { KnownSecrets } from './platform/known-secrets.ts';
import { createLog } from './platform/log.ts';
import { readPlaces } from './platform/places.ts';
import { listenForShutdown } from './platform/shutdown.ts';
import { exitCodes, StartError } from './platform/start-error.ts';
import { type ReadyMessage, tellSupervisor } from './up/child-message.ts';
import { runService } from './up/run-service.ts';
import { runUp } from './up/run-up.ts';

const help = `LLMMixer runs terminal commands and language models behind one interface.

  llmmixer up       everything on this machine: a private Redis where REDIS_URL is not set,
                    one API process and LLMMIXER_WORKERS worker processes (the default)
  llmmixer api      one API process
  llmmixer worker   one worker process

  --help, --version

It is configured by environment variables; README.md lists them.
`;
const commands = ['up', 'api', 'worker'] as const;
type Command = (typeof commands)[number];

interface Arguments {
  command: Command;
  help: boolean;
  version: boolean;
  /** Given by `up` to its children: news go to it, and it talks to people. */
  supervised: boolean;
}

await open();

/** The door: reads arguments and environment, hands them down, and turns whatever comes back into an exit code. */
async function open(): Promise<void> {
  process.stdout.on('error', () => undefined);
  let supervised = false;
  try {
    const given = readArguments();
    supervised = given.supervised;
    if (given.help) process.stdout.write(help);
    else if (given.version) process.stdout.write(`${readVersion()}\n`);
    else await run(given);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const { exitCode, message: sentence } = error;
    if (supervised) await tellSupervisor({ type: 'failed', exitCode, sentence });
    else process.stderr.write(`${sentence}\n`);
    process.exit(exitCode);
  }
}

async function run({ command, supervised }: Arguments): Promise<void> {
  const environment = process.env;
  const config = readConfig(environment);
  const secrets = new KnownSecrets();
  secrets.add(config.apiKey ?? '', ...config.providers.map(({ key }) => key ?? ''));
  const log = createLog({ level: config.logLevel, process: command, secrets });
  const shutdown = listenForShutdown();
  if (!supervised) for (const warning of configWarnings(environment, config)) log.warn(warning);
  const shared = {
    config,
    environment,
    places: readPlaces(environment),
    log,
    secrets,
    version: readVersion(),
  };
  if (command === 'up') {
    const program = fileURLToPath(import.meta.url);
    await runUp({ ...shared, shutdown, program, print: (text) => process.stdout.write(text) });
  } else {
    exitWhenStopTakesTooLong(shutdown.stop, config);
    const announce = supervised ? tellSupervisor : printReady;
    const pageFolder = fileURLToPath(new URL('../dist/dashboard', import.meta.url));
    await runService({ ...shared, name: command, pageFolder, stop: shutdown.stop, announce, supervised });
  }
}

/** Also for a child whose supervisor was killed and so can no longer kill it. */
function exitWhenStopTakesTooLong(stop: AbortSignal, { drainMs }: Config): void {
  stop.addEventListener('abort', () => {
    setTimeout(() => process.exit(exitCodes.internal), drainMs + limits.stopGraceMs).unref();
  });
}

function readArguments(): Arguments {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        supervised: { type: 'boolean', default: false },
      },
    });
    const command = commands.find((each) => each === (positionals[0] ?? 'up'));
    if (command !== undefined && positionals.length <= 1) return { command, ...values };
    throw new StartError(
      exitCodes.usage,
      `There is no command "${positionals.join(' ')}"; see llmmixer --help.`,
    );
  } catch (error) {
    if (error instanceof TypeError)
      throw new StartError(exitCodes.usage, `${error.message}; see llmmixer --help.`);
    throw error;
  }
}

function readVersion(): string {
  const content: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const known = typeof content === 'object' && content !== null && 'version' in content;
  return known ? String(content.version) : 'unknown';
}

async function printReady(message: ReadyMessage): Promise<void> {
  const { type, ready } = message;
  const place =
    type === 'api' ? `API is ready at ${ready.loginLink ?? ready.address}` : `worker ${ready.id} is ready`;
  process.stdout.write(`LLMMixer's ${place}\n`);
}
