import { type Static, Type } from 'typebox';
import { base64Pattern } from './base64-pattern.ts';
import { limits } from './limits.ts';

const strict = { additionalProperties: false } as const;

export const MessageId = Type.String({
  minLength: 1,
  maxLength: 128,
  pattern: '^[\\x21-\\x7e]+$',
  description:
    'Chosen by the sender, of printable ASCII without spaces; a repeated id is accepted and has no second effect.',
});
const message = Type.Optional(MessageId);

/** Bytes are counted where they are made; the length of a text says little about them. */
const inputBound = `At most ${limits.inputQueueBytesMax} bytes; more is 413.`;
export const inputFields = {
  text: Type.Optional(Type.String({ minLength: 1, description: inputBound })),
  base64: Type.Optional(
    Type.String({
      minLength: 1,
      description: `Base64 (RFC 4648) of at most ${limits.inputQueueBytesMax} bytes; more is 413.`,
      pattern: base64Pattern,
    }),
  ),
  eof: Type.Optional(Type.Literal(true)),
  keys: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: limits.inputKeyCharactersMax }), {
      minItems: 1,
      maxItems: limits.inputKeysMax,
      description:
        'Keys by name, as tmux takes them: `Up`, `Enter`, `F5`, `C-c`, `M-x`; one character is itself.',
    }),
  ),
};
export const exactlyOneInput = {
  oneOf: [{ required: ['text'] }, { required: ['base64'] }, { required: ['eof'] }, { required: ['keys'] }],
};

export const InputBody = Type.Object({ ...inputFields, msg: message }, { ...strict, ...exactlyOneInput });
export type InputBody = Static<typeof InputBody>;

export const sizeFields = {
  cols: Type.Integer({ minimum: 1, maximum: limits.columnsMax }),
  rows: Type.Integer({ minimum: 1, maximum: limits.rowsMax }),
};
export const ResizeBody = Type.Object({ ...sizeFields, msg: message }, strict);
export type ResizeBody = Static<typeof ResizeBody>;

export const signalNames = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGSTOP',
  'SIGTSTP',
  'SIGCONT',
] as const;
export type SignalName = (typeof signalNames)[number];
export const SignalBody = Type.Object({ signal: Type.Enum([...signalNames]), msg: message }, strict);
export type SignalBody = Static<typeof SignalBody>;

export const reasonField = Type.Optional(Type.String({ maxLength: 1000 }));
export const CancelBody = Type.Object({ reason: reasonField }, strict);
export type CancelBody = Static<typeof CancelBody>;

/** What the inbox of a running job holds. `by` names the key or session that sent it. */
export type Control = { message?: string; by: string } & (
  | { kind: 'input'; base64: string }
  | { kind: 'eof' }
  | { kind: 'keys'; keys: string[] }
  | { kind: 'resize'; cols: number; rows: number }
  | { kind: 'signal'; signal: SignalName }
);
