import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { onInterruption } from '../support/interruption.ts';
import { descendants } from '../support/processes.ts';
import { type Outcome, runScenario } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { killTree, Stage } from './stage.ts';

const usageFault = 64;

let stage = new Stage();
let isInterrupted = false;

/** What a whole full run has found. */
export interface WholeRun {
  outcomes: readonly Outcome[];
  seed: number;
  minutes: number;
}

/**
 * Runs the scenarios that the command line asks for, tells how each came out, and ends the process.
 * @param onWhole is called when all of them were run at their full size, as often as they should be.
 */
export async function runProgram(
  scenarios: readonly Scenario[],
  onWhole: (run: WholeRun) => Promise<string> = async () => '',
): Promise<never> {
  onInterruption(interrupt);
  // Whatever a failed scenario left running in this process keeps nobody waiting.
  process.exit(await runAll(scenarios, onWhole));
}

async function runAll(
  scenarios: readonly Scenario[],
  onWhole: (run: WholeRun) => Promise<string>,
): Promise<number> {
  const wanted = readArguments(scenarios);
  if (wanted === null) return usageFault;
  const { full, seed, repeats, chosen, isWhole } = wanted;
  const startedAt = performance.now();
  say(`seed ${seed}`);
  const outcomes: Outcome[] = [];
  for (const [index, scenario] of chosen.entries()) {
    const times = repeats ?? (full ? scenario.fullRepeats : 1);
    say(`${index + 1}/${chosen.length} ${scenario.name}, ${times} ${times === 1 ? 'time' : 'times'}`);
    stage = new Stage();
    const progress = (line: string) => say(`    ${line}`);
    const outcome = await runScenario(scenario, { seed, repeats: times, full, progress }, stage);
    // What comes out then says nothing; this process is about to end.
    if (isInterrupted) await new Promise(() => {});
    outcomes.push({ ...outcome, fault: outcome.fault === null ? null : withoutPaths(outcome.fault) });
    say(`  ${describe(outcome)}`);
  }
  if (isWhole) {
    const minutes = (performance.now() - startedAt) / 60_000;
    say(await onWhole({ outcomes, seed, minutes }));
  }
  return outcomes.every(({ fault }) => fault === null) ? 0 : 1;
}

interface Wanted {
  full: boolean;
  seed: number;
  repeats: number | null;
  chosen: readonly Scenario[];
  /** All there is, as often as it should be: the page may be written. */
  isWhole: boolean;
}

/** null where they make no sense, which is told. */
function readArguments(scenarios: readonly Scenario[]): Wanted | null {
  try {
    const { values } = parseArgs({
      options: {
        full: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        seed: { type: 'string' },
        repeats: { type: 'string' },
      },
    });
    const { full, only } = values;
    const repeats = values.repeats === undefined ? null : readCount('repeats', values.repeats, 1);
    const seed = values.seed === undefined ? Date.now() % 1_000_000 : readCount('seed', values.seed, 0);
    const chosen = only === undefined ? scenarios : only.map((name) => named(scenarios, name));
    return { full, seed, repeats, chosen, isWhole: full && only === undefined && repeats === null };
  } catch (error) {
    const [sentence] = (error instanceof Error ? error.message : String(error)).split('\n');
    process.stderr.write(`${sentence}\n`);
    return null;
  }
}

function readCount(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return value;
  throw new TypeError(`--${name} takes a whole number from ${least} on, not "${text}".`);
}

function named(scenarios: readonly Scenario[], name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  throw new TypeError(`There is no "${name}". There are: ${scenarios.map((each) => each.name).join(', ')}.`);
}

function describe({ figures, fault, seconds }: Outcome): string {
  const counted = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  const result = fault === null ? 'held' : `FAILED: ${fault}`;
  return [`${result} (${seconds.toFixed(0)} s)`, ...counted].join(', ');
}

/** A page that is published names no folder of the machine. */
function withoutPaths(text: string): string {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return text.replaceAll(root, '').replaceAll(tmpdir(), '');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function interrupt(signal: NodeJS.Signals): Promise<void> {
  isInterrupted = true;
  say(`${signal}: ending what was started; this takes up to 10 s`);
  await stage.leave().catch(() => {});
  // What the scenario started in the very moment.
  for (const { pid } of await descendants(process.pid)) await killTree(pid);
}
