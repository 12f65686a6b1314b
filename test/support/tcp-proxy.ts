import { connect, createServer, type Socket } from 'node:net';

/** A line between a client and a service that goes wrong on command. Loopback only. */
export interface TcpProxy {
  baseUrl: string;
  /** Connections made through it so far. */
  readonly connections: number;
  /** Bytes sent by clients so far. */
  readonly bytesSent: number;
  /** Breaks every connection. */
  cut(): void;
  /** The connections there are stay open, and nothing passes any more in these directions. */
  stall(direction?: 'answers' | 'both'): void;
  /** New connections are broken at once. */
  refuse(): void;
  /** New connections are taken, and nothing passes on them. */
  swallow(): void;
  /** New connections pass again. */
  pass(): void;
  /** New connections lead there. */
  leadTo(baseUrl: string): void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  service: Socket;
}

export async function startTcpProxy(baseUrl: string): Promise<TcpProxy> {
  let target = Number(new URL(baseUrl).port);
  let manner: 'pass' | 'refuse' | 'swallow' = 'pass';
  let connections = 0;
  let bytesSent = 0;
  const pairs = new Set<Pair>();
  const swallowed = new Set<Socket>();

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {}); // `close` follows
    if (manner === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    connections += 1;
    if (manner === 'swallow') {
      swallowed.add(client);
      client.on('close', () => swallowed.delete(client)).resume();
      return;
    }
    const service = connect({ host: '127.0.0.1', port: target, noDelay: true });
    const pair = { client, service };
    pairs.add(pair);
    service.on('error', () => {});
    client.on('data', (bytes) => {
      bytesSent += bytes.length;
    });
    client.pipe(service);
    service.pipe(client);
    for (const end of [client, service]) {
      end.on('close', () => {
        client.destroy();
        service.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  const cut = () => {
    for (const { client, service } of pairs) {
      client.resetAndDestroy();
      service.destroy();
    }
    for (const client of swallowed) client.destroy();
  };
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    get bytesSent() {
      return bytesSent;
    },
    cut,
    stall: (direction = 'both') => {
      for (const { client, service } of pairs) {
        service.unpipe(client);
        service.resume();
        if (direction === 'answers') continue;
        client.unpipe(service);
        client.resume();
      }
    },
    refuse: () => {
      manner = 'refuse';
    },
    swallow: () => {
      manner = 'swallow';
    },
    pass: () => {
      manner = 'pass';
    },
    leadTo: (url) => {
      target = Number(new URL(url).port);
    },
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
