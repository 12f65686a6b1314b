import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Scenario } from '../../faults/scenario.ts';
import { run, submitUntil } from '../host.ts';

/**
 * Loaded before a worker: notes which process asks for a PTY module, and hides it, breaks it, or has it fail at the
 * first terminal.
 */
const hooks = `
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const faults = JSON.parse(process.env.PTY_FAULTS);
registerHooks({
  resolve(specifier, context, next) {
    const fault = faults[specifier];
    if (specifier === 'node-pty' || specifier === '@lydell/node-pty')
      appendFileSync(process.env.PTY_LOG, process.pid + ' ' + specifier + '\\n');
    if (fault === undefined) return next(specifier, context);
    if (fault === 'hidden') throw Object.assign(new Error("Cannot find package '" + specifier + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
    const code = fault === 'broken'
      ? 'throw new Error("invalid ELF header")'
      : 'export function open() { throw new Error("openpty(3) failed") }';
    return { url: 'data:text/javascript,' + encodeURIComponent(code), shortCircuit: true };
  },
});
`;

const ways = [
  {
    faults: { 'node-pty': 'hidden' },
    terminal: 'pty',
    note: /^node-pty failed: Cannot find package.*@lydell\/node-pty is used\./,
  },
  {
    faults: { 'node-pty': 'broken' },
    terminal: 'pty',
    note: /^node-pty failed: invalid ELF header.*@lydell\/node-pty is used\./,
  },
  {
    faults: { 'node-pty': 'spawn' },
    terminal: 'pty',
    note: /^node-pty failed: openpty\(3\) failed.*@lydell\/node-pty is used\./,
  },
  {
    faults: { 'node-pty': 'spawn', '@lydell/node-pty': 'hidden' },
    terminal: 'script',
    note: /^node-pty failed: openpty\(3\) failed\. @lydell\/node-pty failed: Cannot find package/,
  },
] as const;

export const fallbacks: Scenario = {
  name: 'fallbacks',
  sentence:
    'node-pty is hidden, broken at import, or fails at its first terminal, and then its twin too. Each time an interactive command runs in the next best terminal and says why; a command over pipes never has its worker load either of them.',
  fullRepeats: 3,
  async run({ repeats, stage, progress }) {
    const folder = await stage.folder();
    const hooksFile = join(folder, 'hooks.mjs');
    await writeFile(hooksFile, hooks);
    let shown = 0;
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      for (const [index, { faults, terminal, note }] of ways.entries()) {
        const log = join(folder, `asked-${repeat}-${index}`);
        await writeFile(log, '');
        const cluster = await stage.cluster({ apis: 1, workers: 0 });
        const { client } = cluster;
        const worker = await cluster.addWorker({
          NODE_OPTIONS: `--import ${pathToFileURL(hooksFile)}`,
          PTY_FAULTS: JSON.stringify(faults),
          PTY_LOG: log,
        });
        const askedBy = async (pid: number) => (await readFile(log, 'utf8')).includes(`${pid} `);
        const piped = await run(client, { shell: '[ -t 1 ] || echo piped' });
        if (piped.output !== 'piped\n') throw new Error(`A command over pipes wrote ${piped.output}`);
        if (await askedBy(worker.pid)) throw new Error('The worker has loaded a PTY module for pipes.');
        const id = await submitUntil(
          client,
          { argv: ['bash', '-c', 'tty; read -r x; echo "got $x"'], interactive: true },
          '/dev/',
        );
        await client.input(id, { text: 'it\r' });
        const events = await cluster.follow(id);
        const started = events.find((event) => event.type === 'job.started')!;
        if (started.data.terminal !== terminal || !note.test(started.data.note ?? ''))
          throw new Error(
            `With ${JSON.stringify(faults)} job ${id} ran in ${started.data.terminal}: ${started.data.note}`,
          );
        if (!(await askedBy(worker.pid))) throw new Error('Nothing was hidden from the worker.');
        shown += 1;
        progress(`${repeat}/${repeats} ${JSON.stringify(faults)}: ${terminal}`);
        await cluster.close();
      }
    }
    return { 'fallen through, and said so': shown };
  },
};
