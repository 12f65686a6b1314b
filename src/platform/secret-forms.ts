import { Buffer } from 'node:buffer';

/** Shorter ones stand in ordinary text by chance, and masking them would ruin it. */
export const secretBytesMin = 6;

/**
 * The forms in which a secret can be met: itself, and as it is written in base64 (of both alphabets, wherever in the
 * encoded text it begins), in hex, in an address, in JSON, and with the line ends that a terminal makes. None shorter than `secretBytesMin`.
 */
export function secretForms(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  if (bytes.length < secretBytesMin) return [];
  const escaped = JSON.stringify(secret).slice(1, -1);
  const written = [
    secret,
    secret.replaceAll('\n', '\r\n'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    encoded(secret),
    encoded(secret).replaceAll('%20', '+'),
    escaped,
    escaped.replaceAll('/', '\\/'),
    ...[0, 1, 2].flatMap((before) => {
      const base64 = innerBase64(bytes, before);
      return [base64, base64.replaceAll('+', '-').replaceAll('/', '_')];
    }),
  ];
  return [...new Set(written)]
    .map((form) => Buffer.from(form))
    .filter(({ length }) => length >= secretBytesMin);
}

/** The characters that depend on the secret alone, where `before` bytes of a group of three come before it. */
function innerBase64(bytes: Buffer, before: number): string {
  const whole = Buffer.concat([Buffer.alloc(before), bytes]);
  const first = [0, 2, 3][before] ?? 0;
  return whole.toString('base64').slice(first, Math.floor((whole.length * 8) / 6));
}

/** Half of a pair of code units cannot be encoded, and stands for nothing. */
function encoded(secret: string): string {
  return encodeURIComponent(secret.toWellFormed());
}
