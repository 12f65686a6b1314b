import { setTimeout as sleep } from 'node:timers/promises';
import { judge } from '../judge.ts';
import { counted, counting, expectOutput, submit } from '../load.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

const lines = 200;

export const lostReplies: Scenario = {
  name: 'lost-replies',
  sentence:
    'The connections between a worker and Redis break at random moments under load, most of them when an append was carried out and its reply is on the way. What is sent again is recognised (`DUP`) and stored once.',
  fullRepeats: 25,
  async run({ seed, repeats, stage, progress }) {
    const random = new Random(seed);
    const cluster = await stage.cluster({ apis: 1, workers: 0 });
    const { redis, client } = cluster;
    const proxy = await stage.proxy(redis.url);
    await cluster.addWorker({ REDIS_URL: proxy.url });
    // Three fields follow it (append.lua), and no other script answers so.
    const duplicates = proxy.countAnswers('*4\r\n$3\r\nDUP\r\n');
    let [lost, cuts, events] = [0, 0, 0];

    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      const jobs = await Promise.all(
        Array.from({ length: 4 }, () => submit(client, { ...counting(lines, 20), rerun: 'always' })),
      );
      const followers = jobs.map(({ id }) => stage.follow({ client, job: id, name: `the reader of ${id}` }));
      let over = false;
      const ended = Promise.all(followers.map((follower) => follower.ended)).finally(() => {
        over = true;
      });
      while (!over) {
        await sleep(random.between(50, 250));
        if (random.next() < 0.2) cuts += proxy.cut();
        else {
          const trapped = proxy.trap(/\r\noutput\.delta\r\n/, (connection) => {
            connection.loseNextAnswer();
            lost += 1;
          });
          await Promise.race([trapped, ended]);
        }
      }
      await ended;
      for (const [index, { id }] of jobs.entries()) {
        const follower = followers[index]!;
        const log = await judge({ redisUrl: redis.url, job: id, subscribers: follower.records() });
        for (const [whose, kept] of [
          ['the log', log],
          ['its reader', follower.events],
        ] as const)
          expectOutput(kept, counted(lines), `${whose} of ${id}`);
        events += log.length;
      }
      progress(`${repeat}/${repeats}: ${lost} replies lost, ${duplicates()} DUP`);
    }
    if (duplicates() === 0) throw new Error('No append was answered DUP, so nothing was proved.');
    return { 'replies lost': lost, 'other cuts': cuts, 'DUP answers': duplicates(), events };
  },
};
