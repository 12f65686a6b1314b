// The process of a crowd (crowd.ts), which gives it its order and hears of its state.

import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import WebSocket from 'ws';
import { createClient } from '../../src/client/http.ts';
import { isControl, isEvent } from '../../src/client/stream-parts.ts';
import { closeCodes } from '../../src/contract/socket.ts';
import { fetchFromAny } from '../support/fetch-from-any.ts';
import { type Given, givenControl, type SubscriberRecord } from '../support/history-checker.ts';
import type { CrowdMessage, CrowdOrder, CrowdState } from './crowd.ts';
import { briefly, type Follower, follow } from './follower.ts';

const order = JSON.parse(process.argv[2] ?? '') as CrowdOrder;
const tellEveryMs = 100;
/** Connections that are opened at the same time: fewer than any queue of a listening socket. */
const openingMax = 64;

/** A crowd outlives nobody: without its parent it is of no use. */
process.on('disconnect', () => process.exit(1));
const tell = (message: CrowdMessage) =>
  new Promise<void>((resolve) => (process.connected ? process.send?.(message, () => resolve()) : resolve()));

try {
  await (order.kind === 'followers' ? runFollowers() : runIdlers());
} catch (error) {
  await tell({ fault: `The readers failed: ${error instanceof Error ? error.message : error}` });
}
process.disconnect();

async function runFollowers(): Promise<void> {
  const fetch = fetchFromAny(() => order.baseUrls);
  const client = createClient({ baseUrl: 'http://any', key: order.key, fetch });
  const followers = Array.from({ length: order.streams }, (_, index) =>
    follow({ client, job: order.job, name: `reader ${index + 1}`, wire: order.wire, keepsEvents: false }),
  );
  const state = (): CrowdState => ({
    hearing: followers.filter((each) => each.heard > 0).length,
    alive: 0,
    told: followers.filter(({ controls }) => controls.includes('server.closing')).length,
    over: followers.filter(({ isOver }) => isOver).length,
    ended: followers.filter(({ isOver }) => isOver).length,
    connections: followers.reduce((sum, { connections }) => sum + connections, 0),
  });
  await tellUntilOver(state, followers.length);
  await Promise.all(followers.map(({ ended }: Follower) => ended));
  await tell({ records: followers.flatMap((each) => each.records()) });
}

/** What one idler has noted. */
interface Idler {
  given: Given[];
  alive: boolean;
  told: boolean;
  ended: boolean;
  over: boolean;
}

async function runIdlers(): Promise<void> {
  const idlers: Idler[] = [];
  const waiting = [
    ...Array.from({ length: order.streams }, () => openStream),
    ...Array.from({ length: order.sockets }, () => openSocket),
  ];
  const count = (fits: (idler: Idler) => boolean) => idlers.filter(fits).length;
  const state = (): CrowdState => ({
    hearing: count(({ given }) => given.length > 0),
    alive: count(({ alive }) => alive),
    told: count(({ told }) => told),
    over: count(({ over }) => over),
    ended: count(({ ended }) => ended),
    connections: idlers.length,
  });
  process.on('message', () => {
    for (const idler of idlers) idler.alive = false;
  });
  const all = waiting.length;
  const opening = Promise.all(
    Array.from({ length: openingMax }, async () => {
      for (let open = waiting.shift(); open !== undefined; open = waiting.shift()) {
        const idler: Idler = { given: [], alive: false, told: false, ended: false, over: false };
        idlers.push(idler);
        await open(idler);
      }
    }),
  );
  await Promise.all([opening, tellUntilOver(state, all)]);
  const records = idlers.map(
    ({ given, ended }, index): SubscriberRecord => ({
      name: `idler ${index + 1}`,
      view: 'wire',
      given,
      complete: ended,
    }),
  );
  await tell({ records });
}

async function tellUntilOver(state: () => CrowdState, all: number): Promise<void> {
  for (;;) {
    const now = state();
    await tell({ state: now });
    if (now.over === all) return;
    await sleep(tellEveryMs);
  }
}

function take(idler: Idler, value: unknown, control?: string): void {
  const frame = { type: control, data: value };
  if (control === undefined && isEvent(value)) {
    idler.given.push(briefly(value));
    idler.ended ||= value.type === 'job.ended';
  } else if (isControl(frame)) {
    const notice = givenControl(frame);
    if (notice !== null) idler.given.push(notice);
    if (frame.type === 'server.closing') idler.told = true;
  }
}

/** Settles when it is open. */
function openStream(idler: Idler): Promise<void> {
  return new Promise((resolve, reject) => {
    const parser = createParser({
      onEvent: ({ id, event, data }) => take(idler, JSON.parse(data), id === undefined ? event : undefined),
      onComment: () => {
        idler.alive = true;
      },
    });
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${order.key}` };
    const asked = request(`${order.baseUrls[0]}/v1/jobs/${order.job}/events`, { agent: false, headers });
    asked.on('error', reject).on('response', (response) => {
      if (response.statusCode !== 200) reject(new Error(`a stream was answered ${response.statusCode}`));
      response.setEncoding('utf8');
      response.on('data', (text: string) => parser.feed(text)).on('error', () => {});
      response.on('close', () => {
        idler.over = true;
      });
      resolve();
    });
    asked.end();
  });
}

/** Settles when it is open and has subscribed. */
function openSocket(idler: Idler): Promise<void> {
  return new Promise((resolve, reject) => {
    const address = `${order.baseUrls[0]?.replace('http', 'ws')}/v1/ws`;
    const socket = new WebSocket(address, 'llmmixer.v1', {
      headers: { authorization: `Bearer ${order.key}` },
    });
    socket.on('error', reject).on('open', () => {
      socket.send(JSON.stringify({ op: 'subscribe', job: order.job, msg: 's' }));
    });
    socket.on('ping', () => {
      idler.alive = true;
    });
    socket.on('message', (bytes) => {
      const message = JSON.parse(bytes.toString());
      if (message.op === 'ack') resolve();
      if (message.op === 'nack') reject(new Error(`a subscription was refused: ${message.problem.detail}`));
      if (message.op === 'event') take(idler, message.event);
      if (message.op === 'control') take(idler, message.data, message.type);
      if (idler.ended) socket.close();
    });
    socket.on('close', (code) => {
      // Only the code counts here: the word before it is for those who follow one job.
      idler.told = code === closeCodes.draining;
      idler.over = true;
    });
  });
}
