import { payloadOf } from '../../src/core/payload.ts';
import { outputDraft } from '../../test/support/job.ts';
import { line } from './running-job.ts';

/** Where `bench/processes/bare.ts` listens for what it writes. */
export const bareChannels = { sse: 'bare:sse', webSocket: 'bare:webSocket' } as const;

/** The event `seq` of a job, as its subscribers get it from the API: as many bytes, of the same kind. */
export function bareFrame(
  transport: keyof typeof bareChannels,
  { job, seq }: { job: string; seq: number },
): string {
  const at = new Date().toISOString();
  const payload = payloadOf({
    ...outputDraft(line),
    job,
    producer: 'w1-5e0c93a7',
    pseq: seq,
    attempt: 1,
    at,
  });
  const id = `${epoch}-${seq}`;
  const json = `{"id":"${id}",${payload.slice(1)}`;
  return transport === 'sse'
    ? `id: ${id}\nevent: output.delta\ndata: ${json}\n\n`
    : `{"op":"event","event":${json}}`;
}

/** As long as those of the log, which begin with the time. */
const epoch = 1_700_000_000_000;
