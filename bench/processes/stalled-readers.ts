import { once } from 'node:events';
import { connect } from 'node:net';
import { apiKey } from '../support/api-key.ts';
import type { Target } from './group.ts';

/** Opens subscribers that read the first bytes of their answer and then nothing more; settles when all have. */
export async function openStalled({ address, job, count }: Omit<Target, 'transport'>): Promise<void> {
  const { hostname, port, host } = new URL(address);
  for (let index = 0; index < count; index += 1) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(
      `GET /v1/jobs/${job}/events HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${apiKey}\r\naccept: text/event-stream\r\n\r\n`,
    );
    await once(socket, 'data');
    socket.pause();
  }
}
