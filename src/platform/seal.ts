import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/**
 * Keeps the declared secrets of a job unreadable in Redis: AES-256-GCM under a key derived from the
 * service's API key, bound to the job. Every process that holds the API key can open them.
 */
export interface Seal {
  seal(job: string, secrets: Readonly<Record<string, string>>): string;
  /** @throws Error when the text was sealed under another key, or for another job. */
  open(job: string, sealed: string): Record<string, string>;
  /** A keyed digest, for values that must be comparable but not guessable. */
  fingerprint(text: string): string;
  /** Tells one API key from another, and nothing else about it. */
  readonly keyFingerprint: string;
}

export function createSeal(apiKey: string): Seal {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', apiKey, '', `llmmixer ${purpose}`, 32));
  const sealingKey = derive('secrets');
  const fingerprintKey = derive('fingerprints');
  const fingerprint = (text: string) => createHmac('sha256', fingerprintKey).update(text).digest('hex');
  return {
    seal: (job, secrets) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce).setAAD(Buffer.from(job));
      const body = Buffer.concat([cipher.update(JSON.stringify(secrets), 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
    },
    open: (job, sealed) => {
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', sealingKey, bytes.subarray(0, 12))
        .setAAD(Buffer.from(job))
        .setAuthTag(bytes.subarray(12, 28));
      const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
      return JSON.parse(text) as Record<string, string>; // authenticated: our own `seal` wrote it
    },
    fingerprint,
    keyFingerprint: fingerprint('the key itself'),
  };
}
