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
  'unknown-sender': { status: 404, retryable: false, remedy: 'Send only messages of this operator’s customers here.' },
  'method-not-allowed': { status: 405, retryable: false, remedy: 'Use a method that the Allow header names.' },
  conflict: { status: 409, retryable: false, remedy: 'Use a new id for other content.' },
  'too-large': { status: 413, retryable: false, remedy: 'Send less at once; the limits are in the documentation.' },
  'unsupported-media-type': {
    status: 415,
    retryable: false,
    remedy: 'Send the body as application/json, not encoded.',
  },
  misdirected: { status: 421, retryable: false, remedy: 'Ask by an address of the node, or by one of its names.' },
  unprocessable: { status: 422, retryable: false, remedy: 'Change what is asked for as the message says.' },
  'too-busy': { status: 429, retryable: true, remedy: 'Send again later, with the same id.' },
  'peer-unavailable': { status: 503, retryable: true, remedy: 'Send again later, with the same id.' },
  'gateway-unavailable': {
    status: 503,
    retryable: true,
    remedy: 'Check the message gateway; its messages wait in the outbox.',
  },
  'chain-unavailable': { status: 503, retryable: true, remedy: 'Check the RPC endpoints; the node goes on by itself.' },
  'chain-unreadable': {
    status: 503,
    retryable: true,
    remedy: 'What the contracts say cannot be read: /readyz names the block and the log; see docs/operations.md.',
  },
  'not-ready': { status: 503, retryable: true, remedy: 'Wait until /readyz answers 200.' },
  'store-failed': {
    status: 503,
    retryable: true,
    remedy: 'Free disk space or mend the disk, then start the node again.',
  },
  'store-damaged': {
    status: 500,
    retryable: false,
    remedy: 'Keep the store as it is; restore or recover it as docs/operations.md says.',
  },
  'config-invalid': { status: 500, retryable: false, remedy: 'Mend the configuration file at the place named.' },
  'catalogue-invalid': { status: 500, retryable: false, remedy: 'Mend the service catalogue at the line named.' },
  'network-mismatch': {
    status: 500,
    retryable: false,
    remedy: 'Use the network file and RPC endpoint of the same chain.',
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
