import { constants } from 'node:os';
import type { CommandSpec } from '../src/contract/job.ts';
import { ProblemError, problem } from '../src/contract/problem.ts';
import type { CommandResult } from '../src/contract/result.ts';
import { terminalSizeOf } from '../src/core/terminal-size.ts';
import { type Patterns, redact, secretPatterns } from '../src/platform/redact.ts';
import type { Attempt, Outcome } from './attempt.ts';
import { maskProblem } from './mask-problem.ts';
import { type PreparedJob, prepareCommand } from './prepare-command.ts';
import { publishOutput } from './publish-output.ts';
import { receiveControl } from './receive-control.ts';
import { answerProgram } from './screen/answer-program.ts';
import type { FollowedScreen } from './screen/screens.ts';
import type { WorkerServices } from './services.ts';
import type { JobIsolation } from './terminal/chain/isolation.ts';
import type { RunningCommand } from './terminal/terminal.ts';
import { Transcript } from './transcript.ts';

/**
 * Runs a command to its end: everything it writes becomes events, everything sent to it its input. Null:
 * ended before it began.
 */
export async function runCommand(
  services: WorkerServices,
  attempt: Attempt,
  spec: CommandSpec,
): Promise<Outcome | null> {
  try {
    const prepared = await prepareCommand(services, attempt, spec);
    try {
      return await run(services, attempt, prepared);
    } catch (error) {
      throw maskProblem(error, prepared.secrets);
    } finally {
      prepared.discard(); // the terminal of a command that was never started
      await prepared.release();
    }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { kind: 'failed', error: error.problem, result: null, usage: null };
  }
}

/** Tells of the start, and only then starts. */
async function run(
  services: WorkerServices,
  attempt: Attempt,
  prepared: PreparedJob,
): Promise<Outcome | null> {
  const { publisher, ending } = attempt;
  const { terminal, isolation } = prepared;
  const { level: sandbox, limits } = isolation;
  const note = noteOf(prepared);
  const patterns = secretPatterns([...services.secrets.values, ...prepared.secrets]);
  if (ending.signal.aborted) return null;
  const landing = await publisher.start(
    {
      type: 'job.started',
      data: { worker: services.id, terminal, sandbox, limits, ...(note === undefined ? {} : { note }) },
    },
    services.place,
  );
  if (landing !== 'stored') return { kind: 'refused', landing };
  if (!ending.start()) return null;
  const command = await prepared.start();
  attempt.limits.begin();
  const screen = openScreen(services, attempt, command);
  const transcript = new Transcript(publisher, screen);
  return follow(services, attempt, { command, isolation, transcript, patterns });
}

/** Follows the terminal of a command, and answers what the command asks it. */
function openScreen(
  { screens }: WorkerServices,
  { job: { spec } }: Attempt,
  command: RunningCommand,
): FollowedScreen | null {
  if (command.terminal === 'pipe' || spec.type !== 'command') return null;
  return screens.open(terminalSizeOf(spec), answerProgram(command));
}

/** What a person should know of how it runs. */
function noteOf({ note, isolation: { limits } }: PreparedJob): string | undefined {
  const unbounded =
    limits.memoryBytes === null
      ? 'Its memory is not limited, since no control group can be made on this machine.'
      : undefined;
  return [note, unbounded].filter((it) => it !== undefined).join(' ') || undefined;
}

/** Reads the output to its end while input, cancel and time limits do their part. */
async function follow(
  services: WorkerServices,
  attempt: Attempt,
  {
    command,
    isolation,
    transcript,
    patterns,
  }: {
    command: RunningCommand;
    isolation: JobIsolation;
    transcript: Transcript;
    patterns: Patterns | null;
  },
): Promise<Outcome> {
  const { ending, job, identity } = attempt;
  const stopReceiving = receiveControl(
    {
      inbox: services.inbox,
      wake: services.wake,
      job: job.id,
      identity,
      emit: (draft) => transcript.emit(draft),
      wantsApplicationCursor: () => transcript.wantsApplicationCursor,
    },
    command,
  );
  const stop = () => {
    if (ending.cause !== 'fenced') command.terminate({ kill: false });
  };
  // A fenced attempt must not keep its successor waiting; everyone else gets a chance to tidy up.
  const hurry = () => command.terminate({ kill: true });
  // What strikes while leftovers are cleared away comes too late: the command has ended by itself.
  void command.exited.then(() => ending.settle());
  if (ending.signal.aborted) stop();
  else ending.signal.addEventListener('abort', stop);
  if (ending.fence.aborted) hurry();
  else ending.fence.addEventListener('abort', hurry);
  try {
    const output = await publishOutput(attempt, command.output, { transcript, patterns });
    const exit = await command.exit;
    const result = { ...exit, sandbox: isolation.level, terminal: command.terminal, ...output };
    const usage = await command.usage;
    const resources = usage && { maxRssBytes: usage.largestBytes, cpuMs: usage.cpuMs };
    const killed = maskNames(patterns, command.killed());
    return outcomeOf(attempt, { ...result, resources, killed }, isolation);
  } finally {
    ending.signal.removeEventListener('abort', stop);
    ending.fence.removeEventListener('abort', hurry);
    stopReceiving();
    await transcript.end();
    // After a fault of our own the command must not be left running; otherwise this finds nothing.
    command.terminate({ kill: true });
    await command.exit;
  }
}

/** A program may be called like a secret. */
function maskNames(patterns: Patterns | null, killed: CommandResult['killed']): CommandResult['killed'] {
  return killed && { ...killed, programs: killed.programs.map((name) => redact(patterns, name)) };
}

function outcomeOf({ job }: Attempt, result: CommandResult, isolation: JobIsolation): Outcome {
  const { exitCode, signal } = result;
  if (exitCode === 0) return { kind: 'succeeded', result, usage: null };
  const exceeded = exceededLimit(result, isolation);
  const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
  const error =
    exceeded === null
      ? problem('exit_nonzero', `The command of job ${job.id} ${how}. Its output says why.`)
      : problem(
          'limit_exceeded',
          `The command of job ${job.id} ${how}: it used more than ${exceeded}. Submit it again with more, as far as the configuration allows.`,
        );
  return { kind: 'failed', error, result, usage: null };
}

/** Which limit ended the command; null where it ended for another reason. */
function exceededLimit(
  { exitCode, signal }: CommandResult,
  { limits, ranOutOfMemory }: JobIsolation,
): string | null {
  const diedOf = (name: 'SIGXCPU' | 'SIGXFSZ') =>
    // A shell tells the death of what it ran by 128 and the signal's number.
    signal === name || exitCode === 128 + constants.signals[name];
  if (diedOf('SIGXCPU')) return `its limits.cpuSeconds of ${limits.cpuSeconds}`;
  if (diedOf('SIGXFSZ')) return `its limits.fileBytes of ${limits.fileBytes}`;
  return ranOutOfMemory() ? `its limits.memoryBytes of ${limits.memoryBytes}` : null;
}
