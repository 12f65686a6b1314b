import { type Static, Type } from 'typebox';
import { Cursor } from './job.ts';

const placeFields = {
  cols: Type.Integer(),
  rows: Type.Integer(),
};
const serialized = Type.String({
  description:
    'Text with escape sequences. Written to a fresh terminal of this size it gives this screen, with some of what has scrolled off it, the colours and the modes.',
});

/** A terminal as it is stored, and sent to who joins late. */
export const ScreenSnapshot = Type.Object({ ...placeFields, serialized });
export type ScreenSnapshot = Static<typeof ScreenSnapshot>;

/** What a person would see who looked at the terminal of a job. */
export const Screen = Type.Object(
  {
    ...placeFields,
    serialized,
    text: Type.String({ description: 'What is visible, a line a row, without colours.' }),
    cursor: Type.Unsafe<string>({ ...Cursor, description: 'The last event that is in it.' }),
    position: Type.Object(
      { x: Type.Integer(), y: Type.Integer() },
      { description: 'Where the program writes next, from 0; `x` is `cols` behind a full line.' },
    ),
    whole: Type.Boolean({
      description:
        'false where output that the screen would need is gone from the log, or was not kept; it may be wrong then.',
    }),
  },
  { $id: 'Screen' },
);
export type Screen = Static<typeof Screen>;
