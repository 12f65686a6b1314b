import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Empty for a stream, which is left after its head. */
  body: string;
}

/** One request with exactly these headers and this address, which `fetch` would change or forbid. */
export function rawRequest(
  baseUrl: string,
  { method = 'GET', path, headers = {}, body }: RawRequest,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(baseUrl);
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options = { host: hostname, port, method, path, headers: { ...length, ...headers } };
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () =>
        resolve({ status, headers: answered, body: Buffer.concat(pieces).toString('utf8') }),
      );
      if (answered['content-type']?.startsWith('text/event-stream')) {
        resolve({ status, headers: answered, body: '' });
        request.destroy();
      }
    });
    request.on('error', reject);
    request.end(body);
  });
}

export interface RawRequest {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}
