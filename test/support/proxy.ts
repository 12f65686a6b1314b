import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket in front of another that can be cut and opened again, for a client that loses its server alone. */
export interface TestProxy {
  path: string;
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<TestProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'llmmixer-proxy-'));
  const path = join(folder, 's');
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  const open = () =>
    new Promise<void>((resolve) => {
      server = createServer((near) => {
        const far = connect(target);
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.on('error', () => {}); // `close` follows
        }
        near.on('close', () => far.destroy());
        far.on('close', () => near.destroy());
        near.pipe(far).pipe(near);
      }).listen(path, resolve);
    });
  const cut = () =>
    new Promise<void>((resolve) => {
      server?.close(() => resolve());
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    });
  await open();
  return {
    path,
    open,
    cut,
    close: async () => {
      await cut();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
