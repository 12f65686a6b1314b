import { type Static, Type } from 'typebox';
import { jobStatuses } from './job.ts';
import { limits } from './limits.ts';

/** Which jobs a list shows, and the changes of which jobs its bell rings for. */
export const jobFilterFields = {
  status: Type.Optional(Type.Enum([...jobStatuses])),
  type: Type.Optional(Type.Enum(['command', 'prompt'])),
  tag: Type.Optional(Type.String({ minLength: 1, maxLength: limits.tagLengthMax })),
};
const JobFilter = Type.Object(jobFilterFields);
export type JobFilter = Static<typeof JobFilter>;
