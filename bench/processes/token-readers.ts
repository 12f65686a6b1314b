// Subscribers, one a job, that note when each token of its answer came.

import { Agent, get } from 'node:http';
import { createParser } from 'eventsource-parser';
import { answerCalls } from '../support/calls.ts';
import { TokenClock, type TokenTimes } from '../support/token-times.ts';

const agent = new Agent({ keepAlive: false });

const calls = answerCalls({
  /** Reads each job to its end. */
  read: async ({
    address,
    key,
    jobs,
  }: {
    address: string;
    key: string;
    jobs: string[];
  }): Promise<TokenTimes> => {
    const clock = new TokenClock();
    await Promise.all(jobs.map((job) => readOne(`${address}/v1/jobs/${job}/events`, { key, clock })));
    return clock.read();
  },
});
export type TokenReadersCalls = typeof calls;

function readOne(url: string, { key, clock }: { key: string; clock: TokenClock }): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream' };
  let position = 0;
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new TypeError(`answered ${response.statusCode}`));
      const parser = createParser({
        onEvent: ({ event, data }) => {
          if (event === 'text.delta') position += clock.take(JSON.parse(data).data.text, position);
          else if (event === 'job.ended' && JSON.parse(data).data.status !== 'succeeded')
            reject(new TypeError(data));
        },
      });
      response.setEncoding('utf8');
      response.on('data', (text: string) => parser.feed(text));
      response.on('end', resolve);
    });
    request.on('error', reject);
  });
}
