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
  serverConnections: 1_024,
  /**
   * Connections among those that have not presented a key of the registry yet; the other places are kept for those that
   * have.
   */
  unprovenConnections: 256,
  /** Likewise of one address, unless it is one that many come through (`channel.sharedAddresses`). */
  unprovenPerAddress: 64,
  /** Connections with one key: four times what a client keeps open. */
  connectionsPerKey: 64,
  /** New connections of one key. */
  newPerKeyPerSecond: 50,
  newPerKeyBurst: 500,
  /** Handshakes of one address that came to nothing: beyond these its connections are closed unread. */
  failuresPerSecond: 5,
  failuresBurst: 100,
  /** From where a peer has connected within so long is preferred. */
  rememberMillis: 86_400_000,
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
  /** Traffic of one peer, requests and answers: several times what a thousand pairs a second need. */
  peerBytesPerSecond: 16 * 1024 * 1024,
  peerBytesBurst: 64 * 1024 * 1024,
  /** Bytes of one peer's requests that are incomplete or wait to be parsed. */
  peerBufferedBytes: 8 * 1024 * 1024,
  /** CPU time for parsing and checking one peer's requests: a fifth of what there is. */
  peerParseMillisPerSecond: 200,
  peerParseMillisBurst: 2_000,
  /** Requests of one peer that are refused, each method apart: whoever gets one wrong can go on with the others. */
  peerRefusalsPerSecond: 5,
  peerRefusalsBurst: 100,
  /**
   * Requests of one peer, each method apart, where a small one makes much work: `hello`, `window`, `compare`, `erased`.
   */
  peerHeavyPerSecond: 10,
  peerHeavyBurst: 100,
  /** A larger body is parsed in a turn of its own: what else there is to do comes in between. */
  largeBytes: 64 * 1024,
  /** Bytes of a refused body that are read and dropped, so that its sender gets to read the answer. */
  drainBytes: 256 * 1024,
  /** For so long a sender that has not come to an end of it can still read the answer. */
  lingerMillis: 500,
} as const;

export type ChannelLimits = { readonly [K in keyof typeof channelLimits]: number };
