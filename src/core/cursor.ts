/** A place in the log of one job: everything up to and including `seq` has been seen. */
export interface Position {
  epoch: number;
  seq: number;
}

const pattern = /^(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$/;

/** Reads `<epoch>-<seq>`; null where the text is not a cursor. */
export function parseCursor(text: string): Position | null {
  const match = pattern.exec(text);
  return match === null ? null : { epoch: Number(match[1]), seq: Number(match[2]) };
}

export function formatCursor({ epoch, seq }: Position): string {
  return `${epoch}-${seq}`;
}

/** Whether `a` is a later place than `b`; a later epoch is later whatever its number. */
export function isLater(a: Position, b: Position): boolean {
  return a.epoch === b.epoch ? a.seq > b.seq : a.epoch > b.epoch;
}

/** Whether the cursor `earlier` is a place before `later`; false where either is no cursor. */
export function isBehind(earlier: string, later: string): boolean {
  const [from, to] = [parseCursor(earlier), parseCursor(later)];
  return from !== null && to !== null && isLater(to, from);
}
