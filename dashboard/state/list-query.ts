import type { ListQuery } from '../../src/contract/http.ts';
import { statuses } from './words.ts';

/** The filters are in the address of the page, so that it can be kept, sent and gone back to. */
export function listQuery(query: Record<string, string>): ListQuery {
  const { q, tag, page } = query;
  const status = statuses.find((each) => each === query.status);
  const type = jobTypeOf(query.type);
  return {
    ...(status === undefined ? {} : { status }),
    ...(type === undefined ? {} : { type }),
    ...(q ? { q } : {}),
    ...(tag ? { tag } : {}),
    ...(page ? { page } : {}),
  };
}

/** The kind of job that a text names, if it names one. */
export function jobTypeOf(text: string | undefined): ListQuery['type'] {
  return (['command', 'prompt'] as const).find((type) => type === text);
}

export function withQuery(query: { [Field in keyof ListQuery]: ListQuery[Field] | undefined }): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '/' : `/?${text}`;
}

export function isFiltered({ page: _, limit: __, ...filters }: ListQuery): boolean {
  return Object.keys(filters).length > 0;
}
