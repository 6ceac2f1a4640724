/**
 * Outcomes are returned, faults are thrown. What is thrown is a TandemError; its code is a key of the catalogue below,
 * which says how it looks over HTTP, whether trying again can help, and what to do.
 */
export interface ErrorEntry {
  readonly status: number;
  readonly retryable: boolean;
  /** What to do about it, in one sentence. */
  readonly remedy: string;
}

export const errorCatalogue = {
  'bad-request': { status: 400, retryable: false, remedy: 'Correct the request as the message says.' },
  'bad-json': { status: 400, retryable: false, remedy: 'Send well-formed JSON in UTF-8.' },
  unauthorized: { status: 401, retryable: false, remedy: 'Send the right token as "Authorization: Bearer …".' },
  forbidden: { status: 403, retryable: false, remedy: 'Use credentials that are allowed to do this.' },
  'not-found': { status: 404, retryable: false, remedy: 'Check the address and the id.' },
  'unknown-sender': {
    status: 404,
    retryable: false,
    remedy: 'Send only messages from this operator’s customers here.',
  },
  'method-not-allowed': { status: 405, retryable: false, remedy: 'Use a method that the Allow header names.' },
  conflict: { status: 409, retryable: false, remedy: 'Use a new id for other content.' },
  'too-large': { status: 413, retryable: false, remedy: 'Send less at once; the limits are in the documentation.' },
  'unsupported-media-type': {
    status: 415,
    retryable: false,
    remedy: 'Send the body as application/json without a content encoding.',
  },
  misdirected: {
    status: 421,
    retryable: false,
    remedy: 'Use an address of the node, or one of the names in its configuration.',
  },
  unprocessable: { status: 422, retryable: false, remedy: 'Change the request as the message says.' },
  'too-busy': { status: 429, retryable: true, remedy: 'Send again later, with the same id.' },
  'peer-unavailable': { status: 503, retryable: true, remedy: 'Send again later, with the same id.' },
  'gateway-unavailable': {
    status: 503,
    retryable: true,
    remedy: 'Check the message gateway; messages to users wait in the outbox.',
  },
  'chain-unavailable': { status: 503, retryable: true, remedy: 'Check the RPC endpoints; the node resumes by itself.' },
  'chain-unreadable': {
    status: 503,
    retryable: true,
    remedy: 'A final block could not be read: /readyz names the block and the log; see docs/operations.md.',
  },
  'not-ready': { status: 503, retryable: true, remedy: 'Wait until /readyz answers 200.' },
  'store-failed': {
    status: 503,
    retryable: true,
    remedy: 'Free disk space or repair the disk, then restart the node.',
  },
  'store-damaged': {
    status: 500,
    retryable: false,
    remedy: 'Leave the store as it is; restore or recover it as described in docs/operations.md.',
  },
  'config-invalid': { status: 500, retryable: false, remedy: 'Fix the configuration file at the named place.' },
  'catalogue-invalid': { status: 500, retryable: false, remedy: 'Fix the service catalogue at the named line.' },
  'network-mismatch': {
    status: 500,
    retryable: false,
    remedy: 'Use a network file and an RPC endpoint of the same chain.',
  },
  'chain-reorganised': {
    status: 500,
    retryable: false,
    remedy: 'A final block was replaced: compare the endpoints, then see docs/operations.md.',
  },
  internal: { status: 500, retryable: true, remedy: 'See the node’s log; nothing was changed.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

/** `message` says what was found and what was expected; `facts` are the values, for logs and tests. */
export class TandemError extends Error {
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; facts?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TandemError';
    this.code = code;
    this.facts = options.facts ?? {};
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}
