/** Every bound of the secure channel that is not part of a message. */
export const channelLimits = {
  /** A client's whole call: waiting for a connection, handshake, request, answer. */
  callMillis: 15_000,
  /** Connections a client keeps to one peer; each carries one request at a time. */
  connectionsPerPeer: 16,
  /** Calls to one peer that may wait for a connection. */
  waitingPerPeer: 256,
  /** Requests of one peer that a server works on at once; more than a client's connections, for its reconnects. */
  requestsPerPeer: 32,
  /** Connections to a server, from whomever. */
  serverConnections: 512,
  handshakeMillis: 10_000,
  headerBytes: 8 * 1024,
  headerMillis: 5_000,
  /** From a request's first byte to its last. */
  requestMillis: 15_000,
  /** How often a server looks for requests that are too slow. */
  checkMillis: 1_000,
  /** A connection that nothing moves on, in either direction, is closed; also a peer that does not read its answer. */
  idleMillis: 120_000,
  /** Longer than the pause between two requests of a busy lane, shorter than `idleMillis`. */
  keepAliveMillis: 60_000,
  /** What requests in progress get when the server closes. */
  closeMillis: 2_000,
} as const;

export type ChannelLimits = { readonly [K in keyof typeof channelLimits]: number };
