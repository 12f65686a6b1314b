import type { WebSocket } from '@fastify/websocket';
import { limits } from '../../contract/limits.ts';

/**
 * The messages of one socket, carried out one at a time in the order they came. From
 * `webSocketMessagesWaiting` on the socket is not read until half of them are done; what arrived in one
 * piece with the last of them, 64 KiB at most, waits as well. What waits when the socket closes is dropped.
 */
export class IncomingMessages<Message> {
  readonly #socket: WebSocket;
  readonly #carryOut: (message: Message) => Promise<void>;
  #waiting: Message[] = [];
  #busy = false;

  /** `carryOut` must not reject. */
  constructor(socket: WebSocket, carryOut: (message: Message) => Promise<void>) {
    this.#socket = socket;
    this.#carryOut = carryOut;
    socket.on('close', () => {
      this.#waiting = [];
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(message: Message): void {
    this.#waiting.push(message);
    if (this.#waiting.length >= limits.webSocketMessagesWaiting) this.#socket.pause();
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#carryOut(next);
      const isLow = this.#waiting.length < limits.webSocketMessagesWaiting / 2;
      if (isLow && this.#socket.isPaused) this.#socket.resume();
    }
    this.#busy = false;
  }
}
