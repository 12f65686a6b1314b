import { accessSync, constants, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../../../src/client/http.ts';
import type { Scenario } from '../../faults/scenario.ts';
import type { Stage } from '../../faults/stage.ts';
import { bringProgram } from '../../support/debian-program.ts';
import { testCacheDir } from '../../support/private-redis.ts';
import { levelOf } from '../host.ts';
import { type DrivenProgram, programs } from '../programs.ts';
import { openJob, openScript, type TerminalSession } from '../terminal-session.ts';

export const realPrograms: Scenario = {
  name: 'real-programs',
  sentence:
    '`python3 -i`, `vim`, `less`, `top`, `bash -i` with job control and Ctrl-C, `npm init`, `git add -p`, `ssh-keygen` and a password prompt are driven to their end by keys. What `GET /screen` shows on the way is what the same program shows under script(1), given the same keys.',
  fullRepeats: 5,
  async run({ repeats, stage, progress }) {
    const environment = { LLMMIXER_SANDBOX: 'auto' };
    const { client } = await stage.cluster({ apis: 1, workers: 1, environment });
    const level = await levelOf(client);
    const runnable = (await Promise.all(programs.map(makeRunnable))).filter((it) => it !== null);
    const missing = programs
      .map(({ name }) => name)
      .filter((it) => !runnable.some(({ name }) => name === it));
    if (missing.length > 0)
      process.stderr.write(`NOT TESTED, since not on this machine: ${missing.join(', ')}\n`);
    let screens = 0;
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      for (const program of runnable) {
        const [ours, theirs] = await Promise.all([
          throughJob(client, program),
          throughScript(stage, program),
        ]);
        for (const [index, screen] of ours.entries()) {
          if (screen !== theirs[index])
            throw new Error(`${program.name} shows\n${screen}\nand under script(1)\n${theirs[index]}`);
          screens += 1;
        }
        progress(`${repeat}/${repeats} ${program.name}: ${ours.length} screens alike`);
      }
    }
    return {
      level,
      programs: runnable.length,
      'screens alike': screens,
      'not on this machine': missing.join(', ') || 'none',
    };
  },
};

/** @returns the screens that were looked at. */
async function throughJob(client: Client, program: DrivenProgram): Promise<string[]> {
  const { name, argv, files, env } = program;
  const job = await openJob(client, { argv, files, env });
  const screens = await drive(job, program);
  const [file, content] = program.leaves ?? [];
  if (file !== undefined) {
    const text = await (await client.file(job.id, file)).text();
    if (!content?.test(text))
      throw new Error(`${name} as job ${job.id} left ${file} with ${text.slice(0, 300)}`);
  }
  return screens;
}

async function throughScript(stage: Stage, program: DrivenProgram): Promise<string[]> {
  const folder = join(await stage.folder(), 'workspace');
  await mkdir(folder);
  for (const file of program.files) if ('text' in file) await writeFile(join(folder, file.path), file.text);
  const session = openScript(program, folder);
  try {
    const screens = await drive(session, program);
    const [file, content] = program.leaves ?? [];
    if (file !== undefined && !content?.test(readFileSync(join(folder, file), 'utf8')))
      throw new Error(`${program.name} under script(1) did not do what it was told.`);
    return screens;
  } finally {
    session.close();
  }
}

async function drive(
  session: TerminalSession,
  { name, drive: steer, exitCode, masks }: DrivenProgram,
): Promise<string[]> {
  const screens: string[] = [];
  const look = async () => {
    const screen = await settled(session);
    screens.push(masks.reduce((text, [pattern, instead]) => text.replace(pattern, instead), screen));
  };
  try {
    await steer(session, look);
    const ended = await session.ended();
    if (ended !== exitCode)
      throw new Error(`it ended with ${ended}, not ${exitCode}, and shows\n${await session.screen()}`);
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`);
  }
  return screens;
}

/** The screen once it has stood still for a moment. */
async function settled(session: TerminalSession): Promise<string> {
  let before = await session.screen();
  for (let quiet = 0; quiet < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await session.screen();
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
  return before;
}

/** null: it is not on this machine, and could not be brought. */
async function makeRunnable(program: DrivenProgram): Promise<DrivenProgram | null> {
  const { needs, debian, argv, env } = program;
  if (isThere(needs)) return program;
  const brought = debian === undefined ? null : await bringProgram(debian, testCacheDir());
  if (brought === null) return null;
  return { ...program, argv: [brought.path, ...argv.slice(1)], env: { ...env, ...brought.env } };
}

function isThere(program: string): boolean {
  return ['/usr/local/bin', '/usr/bin', '/bin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
