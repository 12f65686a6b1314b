/** Bytes on the wire: as text where they are valid UTF-8, else as base64. */
export interface TextOrBase64 {
  text?: string | undefined;
  base64?: string | undefined;
}

/** The bytes that are meant. */
export function bytesOf({ text, base64 }: TextOrBase64): Buffer {
  return text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text);
}

/** The same as text; what is no valid UTF-8 is replaced. */
export function textOf(written: TextOrBase64): string {
  return written.text ?? bytesOf(written).toString('utf8');
}
