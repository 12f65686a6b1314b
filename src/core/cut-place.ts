/** `place`, or the one before it where a cut there would part a surrogate pair. */
export function cutPlace(text: string, place: number): number {
  return isPair(text.charCodeAt(place - 1), text.charCodeAt(place)) ? place - 1 : place;
}

function isPair(first: number, second: number): boolean {
  return first >= 0xd800 && first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff;
}
