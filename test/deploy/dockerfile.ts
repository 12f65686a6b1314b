import { readFileSync } from 'node:fs';

export interface Instruction {
  name: string;
  /** As written, on one line. */
  text: string;
}

/** What a Dockerfile says, as far as ours says it. */
export interface Stage {
  base: string;
  /** Empty for the last one. */
  name: string;
  instructions: Instruction[];
}

export function readStages(path: string): Stage[] {
  const stages: Stage[] = [];
  for (const { name, text } of readInstructions(path)) {
    if (name === 'FROM') {
      const [base = '', , stage = ''] = text.split(/\s+/);
      stages.push({ base, name: stage, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new TypeError(`${name} stands before the first FROM`);
      stage.instructions.push({ name, text });
    }
  }
  return stages;
}

/** The texts of one instruction in a stage, in order. */
export function textsOf(stage: Stage, name: string): string[] {
  return stage.instructions.filter((each) => each.name === name).map(({ text }) => text);
}

/** The list of an instruction in exec form, such as `["node", "src/main.ts"]`; throws for the shell form. */
export function execForm(text: string): string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string'))
    throw new TypeError(`${text} is not in exec form`);
  return list;
}

export interface Copy {
  /** Another stage, or null for the folder that is built. */
  from: string | null;
  sources: string[];
  target: string;
}

export function copiesOf(stage: Stage): Copy[] {
  return textsOf(stage, 'COPY').map((text) => {
    const words = text.split(/\s+/);
    const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1] ?? null;
    const paths = from === null ? words : words.slice(1);
    return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
  });
}

export function environmentOf(stage: Stage): Record<string, string> {
  const pairs = textsOf(stage, 'ENV').flatMap((text) => text.split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => pair.split('=', 2)));
}

function readInstructions(path: string): Instruction[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines.map((line) => {
    const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === '') throw new TypeError(`not an instruction: ${line}`);
    return { name, text };
  });
}
