/**
 * What both ends of the WebSocket must know and no schema says. Nothing is imported here, so that a
 * browser takes none of the schemas along.
 */
export const webSocketProtocol = 'llmmixer.v1';

/** Why the server closes a WebSocket. Who may not connect is refused by HTTP before it opens. */
export const closeCodes = {
  draining: 1001,
  tooBig: 1009,
  badMessage: 4400,
  /** The session it was opened with has ended. */
  unauthenticated: 4401,
  slowConsumer: 4290,
} as const;
