import type { Outcome } from './run-scenario.ts';

/** Where and how a full run took place. */
export interface RunFacts {
  /** ISO 8601, of its beginning. */
  at: string;
  /** Short hash; null where it is not known. */
  commit: string | null;
  /** Something else than that commit was tested. */
  isChanged: boolean;
  seed: number;
  minutes: number;
  cores: number;
  memoryGb: number;
  system: string;
  nodeVersion: string;
  redisVersion: string;
  command: string;
}

/** The page `docs/reliability.md`, whole. Nobody writes in it but a full run. */
export function renderPage(outcomes: readonly Outcome[], facts: RunFacts): string {
  const failed = outcomes.filter(({ fault }) => fault !== null);
  const verdict =
    failed.length === 0
      ? `All ${outcomes.length} scenarios held.`
      : `**${failed.length} of ${outcomes.length} scenarios failed**: ${failed.map(({ scenario }) => `\`${scenario.name}\``).join(', ')}.`;
  return `# Reliability

<!-- Written by \`npm run test:faults -- --full\` from test/faults/page.ts. Do not edit: run it again. -->

## What is promised

Each event that Redis keeps is stored once and reaches each subscriber once, in order, as long as its cursor is
within the retained history; otherwise the subscriber is told exactly what is missing. [Events](events.md) has the
details.

A job is executed at least once with \`rerun: "always"\`, otherwise it is started once at most; both as long as
Redis keeps what it acknowledged. A run that another worker on the same machine takes over is ended first.

## What is not

- **What Redis itself forgets.** The append-only file is synced every second: when the machine of Redis loses its
  power, about the last second or two of what it acknowledged may be gone. Killing the process alone loses nothing.
  What the worker still holds it sends again; what nobody holds any more is named by \`history.lost\`, or, where it
  was an event of an API, announced by a new epoch.
- **A failover.** A replica that takes over may lack what had not reached it yet. That is a rollback like the one
  above, with the same answers, and its size is the lag of the replica.
- **A job taken back by a rollback.** A submit that was acknowledged and then lost with Redis is lost. A job whose end
  was lost is found without a worker, within about 20 seconds: it ends as \`worker_lost\`, or runs again with
  \`rerun: "always"\`.
- **One execution.** A command's own effects in the world cannot be taken back. With \`rerun: "always"\` they may
  happen again; otherwise the run may be cut short and is reported as lost.
- **Redis Cluster.** The layout of the keys is ready for it, and nothing of it has been tested.

## What was tested

Real processes of the service on a real Redis with an append-only file, real connections through a proxy that goes
wrong on command, and a checker that compares what every subscriber was given, event by event, with the log that
Redis holds in the end. ${verdict}

| | |
|---|---|
| date | ${facts.at.slice(0, 16).replace('T', ' ')} UTC |
| commit | ${facts.commit === null ? 'unknown' : `\`${facts.commit}\``}${facts.isChanged ? ' **with uncommitted changes**' : ''} |
| seed | ${facts.seed} |
| took | ${facts.minutes.toFixed(0)} minutes |
| machine | ${facts.cores} cores, ${facts.memoryGb.toFixed(0)} GB, ${facts.system} |
| versions | Node ${facts.nodeVersion}, Redis ${facts.redisVersion} |
| command | \`${facts.command}\` |

| scenario | what goes wrong, and what must be true | repeats | figures | result |
|---|---|---|---|---|
${outcomes.map(row).join('\n')}

A repeat is one whole course of the scenario, in which the fault may come many times. A scenario in which the fault
did not come about counts as failed.
`;
}

function row({ scenario, repeats, figures, fault }: Outcome): string {
  const counted = Object.entries(figures).map(([name, value]) => `${name} ${figure(value)}`);
  const result = fault === null ? 'held' : `**failed**: ${fault}`;
  const cells = [`\`${scenario.name}\``, scenario.sentence, String(repeats), counted.join('<br>'), result];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function figure(value: number | string): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}
