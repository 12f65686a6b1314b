import type { InputWriter } from './input-writer.ts';

/** Input of a terminal, where the end of the input is a character like others. */
export interface TypedInput extends InputWriter {
  /**
   * Types the end-of-file character, after which typing may go on. In the middle of a line the first
   * only hands the line over, so there it is typed twice (termios(3), VEOF).
   */
  typeEndOfFile(): void;
}

/** @param first what `writer` begins with by itself. */
export function createTypedInput(writer: InputWriter, first: Buffer): TypedInput {
  let inLine = endsInLine(first);
  const write = (bytes: Buffer): boolean => {
    const taken = writer.write(bytes);
    // Keys like the arrows, and what a terminal answers, are seldom part of a line.
    if (taken && bytes.length > 0 && bytes[0] !== escapeByte) inLine = endsInLine(bytes);
    return taken;
  };
  return {
    ...writer,
    write,
    typeEndOfFile: () => {
      writer.writeControl(Buffer.from(inLine ? '\u0004\u0004' : '\u0004'));
      inLine = false;
    },
  };
}

function endsInLine(bytes: Buffer): boolean {
  const last = bytes.at(-1);
  return last !== undefined && !lineEnds.includes(last);
}

/** Line feed, carriage return, end of file, and what empties the line: Ctrl-C, Ctrl-U, Ctrl-Z, Ctrl-\. */
const lineEnds: readonly number[] = [0x0a, 0x0d, 0x04, 0x03, 0x15, 0x1a, 0x1c];
const escapeByte = 0x1b;
