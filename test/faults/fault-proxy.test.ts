import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { until } from '../support/until.ts';

describe.each(['unix', 'http'])('a proxy over %s', (kind) => {
  it('passes all on as it is, both ways', async () => {
    const { proxy, ask } = await startEcho(kind);
    const line = await ask('x'.repeat(300_000));
    await until(() => line.heard().length === 300_000, 'all came back');
    expect([proxy.connections, proxy.bytesSent]).toEqual([1, 300_000]);
  });

  it('breaks the connection after the request was passed on, so that its answer is lost', async () => {
    const { proxy, ask, served } = await startEcho(kind);
    const trapped = proxy.trap(/second/, (connection) => connection.loseNextAnswer());
    const line = await ask('first');
    await until(() => line.heard() === 'first', 'the first answer came');
    line.socket.write('second');
    await until(() => line.socket.destroyed, 'the connection is broken');
    expect((await trapped).open).toBe(false);
    expect([line.heard(), served()]).toEqual(['first', 'firstsecond']);
  });

  it('holds back requests and answers, and lets them go in order', async () => {
    const { proxy, ask, served } = await startEcho(kind);
    const requests = proxy.trap(/one/, (connection) => connection.hold('requests'));
    const line = await ask('one');
    const connection = await requests;
    line.socket.write('two');
    await sleep(50);
    expect(served()).toBe('');
    connection.release('requests');
    await until(() => line.heard() === 'onetwo', 'both came back');
    const answer = proxy.holdAnswer(/three/);
    line.socket.write('three');
    await answer.asked;
    await until(() => served() === 'onetwothree', 'the service has heard the third');
    expect(line.heard()).toBe('onetwo');
    answer.release();
    await until(() => line.heard() === 'onetwothree', 'the third came back');
  });

  it('stays connected and swallows answers, or both', async () => {
    const { proxy, ask, served } = await startEcho(kind);
    const line = await ask('one');
    await until(() => line.heard() === 'one', 'the first came back');
    proxy.stall('answers');
    line.socket.write('two');
    await until(() => served() === 'onetwo', 'the service has heard the second');
    proxy.stall('both');
    line.socket.write('three');
    await sleep(50);
    expect([line.heard(), served(), line.socket.destroyed]).toEqual(['one', 'onetwo', false]);
  });

  it('answers byte by byte, late, or at a rate, and at once again', async () => {
    const { proxy, ask } = await startEcho(kind);
    proxy.shape({ pieceBytes: 1 });
    const line = await ask('y'.repeat(500));
    await until(() => line.heard().length === 500, 'all came back');
    expect(line.pieces()).toBeGreaterThan(1);
    proxy.shape({ delayMs: 200 });
    const askedAt = performance.now();
    line.socket.write('z');
    await until(() => line.heard().length === 501, 'it came back');
    expect(performance.now() - askedAt).toBeGreaterThan(199);
    proxy.shape({ bytesPerSecond: 100 });
    line.socket.write('z'.repeat(10_000)); // a hundred seconds
    await sleep(300);
    expect(line.heard().length).toBeLessThan(5501);
    proxy.shape({});
    await until(() => line.heard().length === 10_501, 'the rest came at once', 20_000);
  });

  it('counts what is said however it is split', async () => {
    const { proxy, ask } = await startEcho(kind);
    const counts = [proxy.countAnswers('abcabd'), proxy.countRequests('abcabd')];
    const line = await ask('abcabcabd-ab');
    await until(() => line.heard().length === 12, 'the first part came back');
    line.socket.write('cab');
    await until(() => line.heard().length === 15, 'the second part came back');
    line.socket.write('d abcabd');
    await until(() => line.heard().length === 23, 'the third part came back');
    expect(counts.map((count) => count())).toEqual([3, 3]);
  });

  it('breaks new connections, or takes them and says nothing, and passes again', async () => {
    const { proxy, ask } = await startEcho(kind);
    proxy.refuse();
    const refused = await ask('one');
    await until(() => refused.socket.destroyed, 'it is refused');
    proxy.swallow();
    const swallowed = await ask('one');
    await until(() => proxy.connections === 1, 'it is taken');
    await sleep(50);
    expect([swallowed.socket.destroyed, swallowed.heard()]).toEqual([false, '']);
    expect(proxy.cut()).toBe(0);
    await until(() => swallowed.socket.destroyed, 'what was swallowed is broken too');
    proxy.pass();
    const line = await ask('one');
    await until(() => line.heard() === 'one', 'it passes');
    expect(proxy.cut()).toBe(1);
    await until(() => line.socket.destroyed, 'it is broken');
  });
});

/** A service that says back what it hears, behind a proxy. */
async function startEcho(kind: string) {
  let served = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.on('data', (bytes) => {
      served += bytes;
    });
    socket.pipe(socket);
  });
  const folder = mkdtempSync(join(tmpdir(), 'llmmixer-echo-'));
  server.listen(kind === 'unix' ? { path: join(folder, 's') } : { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  const proxy = await startFaultProxy(
    typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : `unix://${address}?db=3`,
  );
  onTestFinished(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { proxy, served: () => served, ask: (text: string) => openLine(proxy, text) };
}

async function openLine(proxy: FaultProxy, text: string) {
  const { protocol, pathname, port, search } = new URL(proxy.url);
  if (protocol === 'unix:') expect(search).toBe('?db=3');
  const socket = connect(protocol === 'unix:' ? { path: pathname } : { port: Number(port) });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  let [heard, pieces] = ['', 0];
  socket.on('data', (bytes) => {
    heard += bytes;
    pieces += 1;
  });
  socket.write(text);
  return { socket, heard: () => heard, pieces: () => pieces };
}
