import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisAddress } from '../../src/store/redis.ts';

/** A way to a real Redis that goes wrong on command. */
export interface RedisProxy {
  url: string;
  /** Breaks every connection and refuses new ones, until `open`. */
  cut(): Promise<void>;
  open(): Promise<void>;
  /** Holds back what Redis says on the connection on which the next question that fits is asked. */
  holdAnswer(question: RegExp): HeldAnswer;
  close(): Promise<void>;
}

export interface HeldAnswer {
  /** Settles when the question has been asked. */
  asked: Promise<void>;
  release(): void;
}

interface Trap {
  question: RegExp;
  spring(near: Socket, far: Socket): void;
}

export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const { path: target = '' } = redisAddress(redisUrl);
  const folder = mkdtempSync(join(tmpdir(), 'llmmixer-proxy-'));
  const path = join(folder, 's');
  const sockets = new Set<Socket>();
  let trap: Trap | null = null;
  let server: Server | null = null;

  const connectThrough = (near: Socket): void => {
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
  };
  const open = () =>
    new Promise<void>((resolve) => {
      server = createServer(connectThrough).listen(path, resolve);
    });
  const cut = () =>
    new Promise<void>((resolve) => {
      server?.close(() => resolve());
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    });
  await open();
  const url = new URL(redisUrl);
  url.pathname = path;
  return {
    url: url.href,
    cut,
    open,
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
    close: async () => {
      await cut();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}
