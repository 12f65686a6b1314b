// A provider that speaks Chat Completions: a request for the model `tokens-<count>-<every>` is answered by so many
// tokens, one every so many milliseconds. Each token is the time at which it was written, in ns of the system's clock.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerCalls } from '../support/calls.ts';

const server = createServer((request, response) => {
  response.socket?.setNoDelay(true);
  void answer(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

const calls = answerCalls({
  address: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
});
export type TokenSourceCalls = typeof calls;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') {
    response.end('{"data":[]}');
    return;
  }
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  const { model } = JSON.parse(Buffer.concat(pieces).toString()) as { model: string };
  const [, count = 1, everyMs = 1] = model.split('-').map(Number);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  const timer = setInterval(write, everyMs);
  response.on('close', () => clearInterval(timer));
  write();

  function write(): void {
    const isLast = sent === count;
    const choice = isLast
      ? { delta: {}, finish_reason: 'stop' }
      : { delta: { content: `${process.hrtime.bigint()} ` } };
    const chunk = {
      id: 'c',
      object: 'chat.completion.chunk',
      created: 0,
      model,
      choices: [{ index: 0, ...choice }],
    };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    sent += 1;
    if (!isLast) return;
    clearInterval(timer);
    response.end('data: [DONE]\n\n');
  }
}
