import { Buffer } from 'node:buffer';

/** Shorter ones stand in ordinary text by chance, and masking them would ruin it. */
export const secretBytesMin = 6;

/**
 * The forms in which a secret can be met: itself, without its last line end, and as it is written in base64 (of both
 * alphabets, wherever in the encoded text it begins, and in lines where it begins one), in hex, in an address, in JSON,
 * and with the line ends that a terminal makes. None shorter than `secretBytesMin`.
 */
export function secretForms(secret: string): Buffer[] {
  const bare = secret.replace(/[\r\n]+$/, '');
  const written = [...formsOf(secret), ...(bare === secret ? [] : formsOf(bare))];
  return [...new Set(written)]
    .map((form) => Buffer.from(form))
    .filter(({ length }) => length >= secretBytesMin);
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  if (bytes.length < secretBytesMin) return [];
  const base64 = innerBase64(bytes, 0);
  return [
    secret,
    secret.replaceAll('\n', '\r\n'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...addressForms(secret),
    ...jsonForms(secret),
    ...[0, 1, 2].flatMap((before) => {
      const inner = innerBase64(bytes, before);
      return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
    }),
    ...['\n', '\r\n'].flatMap((end) => [inLines(base64, 76, end), inLines(base64, 64, end)]),
  ];
}

/** Encoders differ in what they leave as it is, in how they write a space, and in the case of hex digits. */
function addressForms(secret: string): string[] {
  const loose = encoded(secret);
  const strict = loose.replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const spaced = [loose, strict].flatMap((form) => [form, form.replaceAll('%20', '+')]);
  const slashed = spaced.flatMap((form) => [form, form.replaceAll('%2F', '/')]);
  const lower = (form: string) => form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  return slashed.flatMap((form) => [form, lower(form)]);
}

/** Some encoders write a slash, what is markup in a page, or all that is not ASCII by escapes. */
function jsonForms(secret: string): string[] {
  const plain = JSON.stringify(secret).slice(1, -1);
  const escaped = (pattern: RegExp) =>
    plain.replaceAll(pattern, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const [markup, foreign] = [/[<>&\u2028\u2029]/g, /[^\0-\x7f]/g];
  return [plain, plain.replaceAll('/', '\\/'), escaped(markup), escaped(foreign)];
}

/** As tools write it that begin a line every so many characters. */
function inLines(text: string, width: number, end: string): string {
  return text.replaceAll(new RegExp(`(.{${width}})(?=.)`, 'g'), `$1${end}`);
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
