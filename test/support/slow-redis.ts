import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisAddress } from '../../src/store/redis.ts';

/** A slow way to a real Redis: what happens while a question is under way can be chosen. */
export interface SlowRedis {
  url: string;
  /** Holds back what Redis says on the connection on which the next question that fits is asked. */
  holdAnswer(question: RegExp): HeldAnswer;
  close(): void;
}

export interface HeldAnswer {
  /** Settles when the question has been asked. */
  asked: Promise<void>;
  release(): void;
}

export async function startSlowRedis(redisUrl: string): Promise<SlowRedis> {
  const { path: target = '' } = redisAddress(redisUrl);
  const folder = mkdtempSync(join(tmpdir(), 'llmmixer-slow-'));
  const path = join(folder, 's');
  const sockets = new Set<Socket>();
  let trap: { question: RegExp; spring: (near: Socket, far: Socket) => void } | null = null;
  const server = createServer((near) => {
    const far = connect(target);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}); // `close` follows
    }
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.on('data', (bytes) => {
      if (trap?.question.test(bytes.toString('latin1'))) {
        trap.spring(near, far);
        trap = null;
      }
      far.write(bytes);
    });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const url = new URL(redisUrl);
  url.pathname = path;
  return {
    url: url.href,
    holdAnswer: (question) => {
      let release = () => {};
      const asked = new Promise<void>((resolve) => {
        const spring = (near: Socket, far: Socket) => {
          far.unpipe(near);
          release = () => far.pipe(near);
          resolve();
        };
        trap = { question, spring };
      });
      return { asked, release: () => release() };
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
