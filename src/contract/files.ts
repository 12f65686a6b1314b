import { type Static, Type } from 'typebox';
import { base64Pattern } from './base64-pattern.ts';
import { limits } from './limits.ts';
import { Timestamp } from './timestamp.ts';

const strict = { additionalProperties: false } as const;

/** Within the workspace of a job: names with `/` between them, none of them empty, `.` or `..`. */
export const FilePath = Type.String({
  minLength: 1,
  maxLength: limits.filePathCharactersMax,
  pattern: '^[^\\u0000]*$',
});

/** A file that a command finds in its workspace. */
export type SubmittedFile = { path: string; executable?: boolean } & ({ text: string } | { base64: string });
export const SubmittedFiles = Type.Array(
  Type.Unsafe<SubmittedFile>(
    Type.Object(
      {
        path: FilePath,
        text: Type.Optional(Type.String()),
        base64: Type.Optional(Type.String({ pattern: base64Pattern })),
        executable: Type.Optional(Type.Boolean()),
      },
      { ...strict, oneOf: [{ required: ['text'] }, { required: ['base64'] }] },
    ),
  ),
  { maxItems: limits.filesMax, description: 'Written into the workspace before the command starts.' },
);

/** What is shown of them. */
export const FileNotes = Type.Array(
  Type.Object({
    path: Type.String(),
    bytes: Type.Integer(),
    executable: Type.Optional(Type.Boolean()),
  }),
);

export const FilesQuery = Type.Object(
  {
    path: Type.Optional(Type.String({ description: 'The folder to list; the workspace when absent.' })),
    recursive: Type.Optional(
      Type.Boolean({ default: true, description: 'false: without what is in the folders of it.' }),
    ),
  },
  strict,
);
export type FilesQuery = Static<typeof FilesQuery>;

export const FileEntry = Type.Object({
  path: Type.String(),
  type: Type.Enum(['file', 'folder', 'link', 'other']),
  bytes: Type.Integer(),
  modifiedAt: Timestamp,
});
export type FileEntry = Static<typeof FileEntry>;

export const FileList = Type.Object(
  {
    items: Type.Array(FileEntry),
    truncated: Type.Boolean({
      description: `true: there is more than this, which is ${limits.fileEntriesMax} entries at most. List a folder alone with "path".`,
    }),
  },
  { $id: 'FileList' },
);
export type FileList = Static<typeof FileList>;

/** What came of an upload. */
export const StoredFile = Type.Object({ path: Type.String(), bytes: Type.Integer() }, { $id: 'StoredFile' });
export type StoredFile = Static<typeof StoredFile>;
