import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What another process of the bench can be asked for: functions of one argument, which travels as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each function has its own argument, and TypeScript infers it
export type Calls = Record<string, (argument: any) => unknown>;

/** Asks the other process; rejects with what it threw, and when it ends. */
export type Ask<C extends Calls> = <Name extends keyof C & string>(
  name: Name,
  ...argument: Parameters<C[Name]>
) => Promise<Awaited<ReturnType<C[Name]>>>;

interface Call {
  id: number;
  name: string;
  argument: unknown;
}
interface Answer {
  id: number;
  value?: unknown;
  fault?: string;
}

/** In the other process: says that it is ready, and answers until the bench lets go of it, however that ends. */
export function answerCalls<C extends Calls>(calls: C): C {
  process.on('message', async ({ id, name, argument }: Call) => {
    const answer = await Promise.resolve()
      .then(() => calls[name]?.(argument))
      .then(
        (value): Answer => ({ id, value }),
        (error: unknown): Answer => ({ id, fault: String(error) }),
      );
    process.send?.(answer);
  });
  process.once('disconnect', () => process.exit());
  process.send?.({ id: 0 } satisfies Answer);
  return calls;
}

/** Starts `bench/processes/<name>.ts` and waits until it is ready. */
export async function startProcess<C extends Calls>(
  name: string,
  args: readonly string[],
): Promise<{ ask: Ask<C>; pid: number; close(): Promise<void> }> {
  const file = fileURLToPath(new URL(`../processes/${name}.ts`, import.meta.url));
  const child = fork(file, args, {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  const answerTo = (id: number) =>
    new Promise<unknown>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
    });
  child.on('message', ({ id, value, fault }: Answer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (fault === undefined) call?.resolve(value);
    else call?.reject(new TypeError(`${name}: ${fault}`));
  });
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new TypeError(`${name} ended (${signal ?? code})`));
  });
  await answerTo(0);
  const ask = (call: string, argument?: unknown) => {
    lastId += 1;
    const answer = answerTo(lastId);
    child.send({ id: lastId, name: call, argument } satisfies Call);
    return answer;
  };
  return { ask: ask as Ask<C>, pid: child.pid ?? 0, close: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (child.connected) child.disconnect();
  await gone;
}
