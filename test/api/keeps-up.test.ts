import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { takenBytes } from '../../src/api/fan-out/drained.ts';
import { keepsUp, type Outlet } from '../../src/api/fan-out/keeps-up.ts';
import { limits } from '../../src/contract/limits.ts';
import { until } from '../support/until.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const fullBytes = limits.subscriberBytesMax;

/** A connection whose client takes so much each second, and which others fill up again at once. */
class SharedOutlet implements Outlet {
  readonly #pace: number[];
  #backlog = fullBytes;
  #taken = 0;
  seconds = 0;

  constructor(pace: number[]) {
    this.#pace = pace;
  }
  backlogBytes(): number {
    return this.#backlog;
  }
  takenBytes(): number {
    return this.#taken;
  }
  async moved(): Promise<void> {
    vi.advanceTimersByTime(1000);
    this.seconds += 1;
    const bytes = this.#pace.shift();
    if (bytes === undefined) this.#backlog = 0;
    this.#taken += bytes ?? 0;
  }
}

const stallSeconds = limits.subscriberStallMs / 1000;
const never = new AbortController().signal;

describe('a client that is waited for', () => {
  it('keeps up as long as it takes something, though others fill its connection up again', async () => {
    const outlet = new SharedOutlet(Array.from({ length: stallSeconds * 4 }, () => 1000));
    expect(await keepsUp(outlet, never)).toBe(true);
    expect(outlet.seconds).toBe(stallSeconds * 4 + 1);
  });

  it('is slow once it has taken nothing for as long as it may, whatever it took before', async () => {
    const pause = Array.from({ length: stallSeconds - 1 }, () => 0);
    const outlet = new SharedOutlet([...pause, 1, ...pause, 1, ...pause, ...pause]);
    expect(await keepsUp(outlet, never)).toBe(false);
    expect(outlet.seconds).toBe(stallSeconds * 3 + 1);
  });

  it('is waited for no longer once it has left', async () => {
    const leave = new AbortController();
    const outlet = new SharedOutlet([0, 0, 0]);
    outlet.moved = async () => leave.abort();
    expect(await keepsUp(outlet, leave.signal)).toBe(true);
  });
});

it('what a socket was given counts as taken only when the network has it', async () => {
  const server = createServer((socket) => socket.pause()).listen(0, '127.0.0.1');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = await accepted;
  onTestFinished(() => {
    for (const each of [socket, peer]) each.destroy();
    server.close();
  });
  const piece = Buffer.alloc(1024 * 1024);
  for (let count = 0; count < 32; count += 1) socket.write(piece);
  await sleep(100);
  const stalled = takenBytes(socket);
  expect(stalled).toBe(32 * piece.length - socket.writableLength);
  expect(stalled).toBeLessThan(32 * piece.length);
  peer.resume();
  await until(() => takenBytes(socket) === 32 * piece.length, 'everything is taken');
});
