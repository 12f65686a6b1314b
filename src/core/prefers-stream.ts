/**
 * Whether this `Accept` header asks for Server-Sent Events rather than JSON (RFC 9110, 12.5.1): it names
 * `text/event-stream`, in whatever case, accepts it at all, and does not like JSON better. Ranges with an asterisk
 * count for JSON only: who takes anything is given pages.
 */
export function prefersStream(accept: string | undefined): boolean {
  const qualities = readQualities(accept ?? '');
  const stream = qualities.get('text/event-stream') ?? 0;
  const json =
    qualities.get('application/json') ?? qualities.get('application/*') ?? qualities.get('*/*') ?? 0;
  return stream > 0 && stream >= json;
}

/** By the media range, in lower case; where one is named twice, the higher counts. */
function readQualities(accept: string): Map<string, number> {
  const qualities = new Map<string, number>();
  for (const member of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = member.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = weight === undefined ? 1 : readQuality(weight.slice(2));
    qualities.set(range, Math.max(quality, qualities.get(range) ?? 0));
  }
  return qualities;
}

/** 0 to 1; what is no quality says nothing, as if it were not there. */
function readQuality(text: string): number {
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Number(text) : 1;
}
