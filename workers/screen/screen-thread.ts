import { type MessagePort, parentPort } from 'node:worker_threads';
import { limits } from '../../src/contract/limits.ts';
import { Screen } from '../../src/screen/screen.ts';
import type { ScreenReply, ScreenRequest } from './screen-messages.ts';

/** A terminal of the thread, with what it is still to be told. */
class QueuedScreen {
  readonly #screen: Screen;
  readonly #id: number;
  readonly #port: MessagePort;
  readonly #waiting: ScreenRequest[] = [];
  #isWorking = false;

  constructor(port: MessagePort, { screen, size }: Extract<ScreenRequest, { op: 'open' }>) {
    this.#port = port;
    this.#id = screen;
    this.#screen = new Screen({
      ...size,
      scrollback: limits.screenScrollback,
      onAnswer: (text) => this.#tell({ op: 'answer', screen, text }),
    });
  }

  take(request: ScreenRequest): void {
    // Nobody looks at it any more.
    if (request.op === 'close') this.#screen.giveUp();
    this.#waiting.push(request);
    if (!this.#isWorking) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.op === 'write') await this.#write(next.text);
      else if (next.op === 'resize') this.#screen.resize(next.size);
      else if (next.op === 'close') this.#screen.close();
      else if (next.op === 'snapshot') this.#snapshot(next.reply);
    }
    this.#isWorking = false;
  }

  /** Takes all text that waits: the more there is, the more of it need not be drawn. */
  async #write(first: string): Promise<void> {
    let text = first;
    for (let [next] = this.#waiting; next?.op === 'write'; [next] = this.#waiting) {
      text += next.text;
      this.#waiting.shift();
    }
    await this.#screen.write(text);
    this.#tell({ op: 'drawn', screen: this.#id, length: text.length });
  }

  #snapshot(reply: number): void {
    const snapshot = this.#screen.snapshot(limits.screenCharactersMax);
    this.#tell({ op: 'snapshot', reply, snapshot });
  }

  #tell(reply: ScreenReply): void {
    this.#port.postMessage(reply);
  }
}

function serve(port: MessagePort): void {
  const screens = new Map<number, QueuedScreen>();
  port.on('message', (request: ScreenRequest) => {
    if (request.op === 'open') screens.set(request.screen, new QueuedScreen(port, request));
    else screens.get(request.screen)?.take(request);
    if (request.op === 'close') screens.delete(request.screen);
  });
}

if (parentPort !== null) serve(parentPort);
