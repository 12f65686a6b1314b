import { Type } from 'typebox';

export const Timestamp = Type.String({ description: 'UTC, ISO 8601, milliseconds.' });
