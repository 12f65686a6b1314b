export function bytesOfBase64(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Of text whose characters stand for bytes, as a terminal gives it for mouse reports. */
export function base64OfBinary(text: string): string {
  return btoa(text);
}
