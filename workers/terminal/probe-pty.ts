/**
 * A program of its own: tries out the modules that its arguments name and writes `works` or `fails`, then
 * the note, each on a line.
 */
import { choosePtyModule } from './pty-module.ts';

const { open, note } = await choosePtyModule(process.argv.slice(2));
process.stdout.write(`${open === null ? 'fails' : 'works'}\n${note ?? ''}\n`);
