import type { CommandSpec, CommandSubmission } from '../../src/contract/job.ts';
import {
  millisecondsOf,
  readTags,
  readVariables,
  secondsOf,
  tagsText,
  type Variable,
  variablesOf,
} from './draft-parts.ts';

/** A command as it stands in the form: texts, as typed. */
export interface CommandDraft {
  way: 'shell' | 'argv';
  shell: string;
  /** The program, then its arguments. */
  argv: readonly string[];
  interactive: boolean;
  cwd: string;
  env: readonly Variable[];
  secrets: readonly Variable[];
  timeoutSeconds: string;
  tags: string;
}

export function startCommand(source: CommandSpec | null): CommandDraft {
  return {
    way: source?.argv === undefined ? 'shell' : 'argv',
    shell: source?.shell ?? '',
    argv: source?.argv ?? [''],
    interactive: source?.interactive ?? false,
    cwd: source?.cwd ?? '',
    env: variablesOf(source?.env),
    secrets: [],
    timeoutSeconds: secondsOf(source?.timeoutMs),
    tags: tagsText(source?.tags),
  };
}

/** What is sent: what the form shows, and of a copied job also what it does not show. */
export function readCommand(draft: CommandDraft, source: CommandSpec | null): CommandSubmission {
  const env = readVariables(draft.env);
  const secrets = readVariables(draft.secrets);
  const tags = readTags(draft.tags, source?.tags);
  return {
    ...unseenOf(source, draft.interactive),
    type: 'command',
    ...(draft.way === 'shell' ? { shell: draft.shell } : { argv: [...draft.argv] }),
    interactive: draft.interactive,
    ...(draft.cwd.trim() === '' ? {} : { cwd: draft.cwd.trim() }),
    ...(env === null ? {} : { env }),
    ...(secrets === null ? {} : { secrets }),
    ...(draft.timeoutSeconds === '' ? {} : { timeoutMs: millisecondsOf(draft.timeoutSeconds) }),
    ...(tags.length === 0 ? {} : { tags }),
  };
}

/** The page knows the files of a job by name alone, so they do not go along. */
function unseenOf(source: CommandSpec | null, interactive: boolean): Partial<Omit<CommandSpec, 'files'>> {
  if (source === null) return {};
  const {
    files: _files,
    shell: _shell,
    argv: _argv,
    cwd: _cwd,
    env: _env,
    timeoutMs: _time,
    tags: _tags,
    ...unseen
  } = source;
  if (interactive) return unseen;
  const { cols: _cols, rows: _rows, ...withoutSize } = unseen;
  return withoutSize;
}
