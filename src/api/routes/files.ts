import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { FileList, FilesQuery, StoredFile } from '../../contract/files.ts';
import { JobParams } from '../../contract/http.ts';
import { limits } from '../../contract/limits.ts';
import { Problem } from '../../contract/problem.ts';
import { parseWorkspacePath } from '../../core/workspace-path.ts';
import { FileExchange } from '../exchange-files.ts';
import { refused } from '../refused.ts';
import type { Services } from '../services.ts';

const FileParams = Type.Object({ ...JobParams.properties, '*': Type.String() });
const tags = ['files'];

/** Files in the workspace of a job. */
export function fileRoutes(services: Services): FastifyPluginAsyncTypebox {
  const exchange = new FileExchange(services);
  return async (app) => {
    app.get(
      '/v1/jobs/:id/files',
      {
        schema: {
          summary: 'List the files in the workspace of a command',
          tags,
          params: JobParams,
          querystring: FilesQuery,
          response: { 200: FileList, '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ params: { id }, query: { path, recursive = true } }) => {
        const names = path === undefined ? [] : namesOf(path);
        const { head, content } = await exchange.ask<FileList>(id, { op: 'list', names, recursive });
        content.destroy();
        return head;
      },
    );

    app.get(
      '/v1/jobs/:id/files/*',
      {
        schema: {
          summary: 'Download a file',
          tags,
          params: FileParams,
          response: { 200: Type.Any(), '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ params }, reply) => {
        const names = namesOf(params['*']);
        const { head, content } = await exchange.ask<{ bytes: number }>(params.id, { op: 'read', names });
        reply.type('application/octet-stream');
        reply.header('content-length', head.bytes);
        reply.header('content-disposition', `attachment; filename*=UTF-8''${encoded(names.at(-1) ?? '')}`);
        return reply.send(content);
      },
    );

    await app.register(uploadRoute(exchange));
  };
}

/** A body of any kind is a file here, and is not taken into memory. */
function uploadRoute(exchange: FileExchange): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_, payload, done) => done(null, payload));
    app.put(
      '/v1/jobs/:id/files/*',
      {
        bodyLimit: limits.fileBytesMax,
        schema: {
          summary:
            'Upload a file into the workspace of a running command: 201 for a new one, 200 for one replaced',
          tags,
          params: FileParams,
          response: { 200: StoredFile, 201: StoredFile, '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ params, body, raw }, reply) => {
        const names = namesOf(params['*']);
        const upload = body instanceof Readable ? body : raw;
        type Head = { bytes: number; isNew: boolean };
        const { head, content } = await exchange.ask<Head>(params.id, { op: 'write', names }, upload);
        content.destroy();
        return reply.code(head.isNew ? 201 : 200).send({ path: names.join('/'), bytes: head.bytes });
      },
    );
  };
}

function namesOf(path: string): string[] {
  const parsed = parseWorkspacePath(path);
  if ('fault' in parsed) throw refused('/path', `${JSON.stringify(path)} ${parsed.fault}`);
  return parsed.names;
}

/** RFC 8187; what encodeURIComponent leaves and a header must not have goes too. */
function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (it) => `%${it.charCodeAt(0).toString(16)}`,
  );
}
