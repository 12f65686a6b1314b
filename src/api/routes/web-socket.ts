import type { Ajv } from 'ajv';
import type { FastifyPluginAsync } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';
import { webSocketProtocol } from '../../contract/socket.ts';
import { ClientMessage } from '../../contract/stream.ts';
import { IncomingMessages } from '../fan-out/incoming-messages.ts';
import { WebSocketSession } from '../fan-out/web-socket.ts';
import type { Services } from '../services.ts';
import { problemErrors } from '../validation.ts';

/** `GET /v1/ws`: one socket for many jobs. Asked for without an upgrade, it says what it is. */
export function webSocketRoutes(services: Services, ajv: Ajv): FastifyPluginAsync {
  const isClientMessage = ajv.compile<ClientMessage>(ClientMessage);
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/v1/ws',
      schema: { hide: true },
      handler: async () => {
        throw new ProblemError(
          'upgrade_required',
          `Connect to this address as a WebSocket, with the subprotocol ${webSocketProtocol}.`,
        );
      },
      wsHandler: (socket, request) => {
        const session = new WebSocketSession(services, socket, request);
        const incoming = new IncomingMessages<ClientMessage>(socket, (message) => session.handle(message));
        socket.on('message', (bytes: Buffer, isBinary: boolean) => {
          const message = isBinary ? undefined : parse(bytes.toString('utf8'));
          if (!isClientMessage(message)) {
            const [first] = problemErrors(isClientMessage.errors ?? [], '');
            session.rejectMalformed(`${first?.pointer || 'the message'} ${first?.detail ?? 'is not JSON'}`);
            return;
          }
          incoming.add(message);
        });
      },
    });
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
