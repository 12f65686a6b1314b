import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

const ApiReady = Type.Object({
  address: Type.String(),
  loginLink: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
});
const WorkerReady = Type.Object({
  id: Type.String(),
  terminals: Type.Array(Type.String()),
  sandbox: Type.String(),
  sandboxNote: Type.Optional(Type.String()),
  providers: Type.Array(Type.String()),
});
const Failed = Type.Object({
  type: Type.Literal('failed'),
  exitCode: Type.Integer(),
  sentence: Type.String(),
});
const ReadyMessage = Type.Union([
  Type.Object({ type: Type.Literal('api'), ready: ApiReady }),
  Type.Object({ type: Type.Literal('worker'), ready: WorkerReady }),
]);
const ChildMessage = Type.Union([ReadyMessage, Failed]);

export type ApiReady = Static<typeof ApiReady>;
export type WorkerReady = Static<typeof WorkerReady>;
export type ReadyMessage = Static<typeof ReadyMessage>;
/** What a child process tells `up`: that it is ready, and with what, or why it cannot be. */
export type ChildMessage = Static<typeof ChildMessage>;

const check = Compile(ChildMessage);

/** The message of a child, or null for anything else. */
export function readChildMessage(content: unknown): ChildMessage | null {
  return check.Check(content) ? content : null;
}

/** Sends to the supervisor, and waits until it is on its way; one that is gone is no fault. */
export function tellSupervisor(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}
