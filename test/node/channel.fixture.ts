/** Two operators, their certificates, a registry that tests can change, and handlers that answer everything. */
import type { OperatorEntry, OperatorStatus, PeerRegistry } from '../../operator-node/chain/chain.ts';
import { makeCertificate, type Certificate } from '../../operator-node/channel/certificate.ts';
import type { PeerHandlers } from '../../operator-node/channel/channel.ts';
import type { Answer, Request } from '../../operator-node/channel/messages.ts';
import { checkRequest } from '../../operator-node/channel/wire.ts';
import type { BatchId, Hash, OperatorId, PairId, UnixMillis } from '../../operator-node/model/ids.ts';

export const aurora = 1 as OperatorId;
export const borealis = 2 as OperatorId;
export const stranger = 7 as OperatorId;

/** The tests' clock: certificates are made and checked at this time, whatever the machine's says. */
export const now = (): UnixMillis => Date.UTC(2026, 10, 23, 10) as UnixMillis;
export const dayMillis = 86_400_000;

export const newCertificate = (handle: string, options: { now?: number; days?: number } = {}): Promise<Certificate> =>
  makeCertificate({ handle, days: options.days ?? 30, now: (options.now ?? now()) as UnixMillis });

export class TestRegistry implements PeerRegistry {
  readonly #entries = new Map<OperatorId, OperatorEntry>();
  readonly #listeners: ((changed: readonly OperatorId[]) => void)[] = [];

  set(id: OperatorId, change: { status?: OperatorStatus; pins?: readonly Hash[]; endpoint?: string }): void {
    const before = this.#entries.get(id);
    this.#entries.set(id, {
      id,
      handle: `operator-${id}`,
      status: 'active',
      controller: '',
      accounts: [],
      signers: [],
      pins: [],
      endpoint: 'https://127.0.0.1:1',
      ...before,
      ...change,
    });
    for (const listener of this.#listeners) listener([id]);
  }

  get(id: OperatorId): OperatorEntry | undefined {
    return this.#entries.get(id);
  }

  byPin(pin: Hash): readonly OperatorEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.pins.includes(pin));
  }

  all(): readonly OperatorEntry[] {
    return [...this.#entries.values()];
  }

  /** It is always as new as it can be. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }

  onChange(listener: (changed: readonly OperatorId[]) => void): void {
    this.#listeners.push(listener);
  }
}

const bytes32 = (digit: string): string => `0x${digit.repeat(64)}`;
const digest = (letter: string): string => letter.repeat(43);

export const pairIdOf = (index: number): PairId =>
  `0197c0de-0000-7000-8000-${index.toString(16).padStart(12, '0')}` as PairId;

const proposalOf = (pair: PairId): unknown => ({
  terms: {
    pair,
    service: 'pay',
    firstAsset: 'SEK',
    firstAmount: '12000',
    secondAsset: 'SEK',
    secondAmount: '12000',
    initiator: '1',
    acceptor: '2',
    created: '2026-11-23T10:00:00Z',
    deadline: '1795428600',
    reverses: '',
  },
  termsSecret: bytes32('1'),
  from: '+46701000001',
  fromName: 'Astrid',
  to: '+46702000001',
  note: 'lunch',
  item: '',
  firstSubject: digest('f'),
  sealed: 'c2VhbGVk'.repeat(40),
});

export const proposeRequest = (pairs: number): Request<'propose'> =>
  checkRequest('propose', { proposals: Array.from({ length: pairs }, (_, index) => proposalOf(pairIdOf(index))) });

export const offerRequest = (pairs: number): Request<'offer'> =>
  checkRequest('offer', {
    batch: { initiator: 1, acceptor: 2, sequence: 1, deadline: 1795428600, count: pairs, root: bytes32('a') },
    pairs: Array.from({ length: pairs }, (_, index) => ({ pair: pairIdOf(index), firstCommitment: bytes32('b') })),
  });

export const helloOf = (operator: OperatorId): Answer<'hello'> =>
  checkRequest('hello', {
    version: 1,
    operator,
    chainId: '20261123',
    settlement: `0x${'c'.repeat(40)}`,
    assets: [{ asset: 'SEK', exponent: 2 }],
    caps: [],
  });

export const forwardRequest = (text: string): Request<'forward'> =>
  checkRequest('forward', { id: 'sms-1', from: '+46701000001', to: '+46702000001', text });

/** Answers of operator `self`; `calls` collects who asked what. */
const answersOf = (self: OperatorId): PeerHandlers => ({
  async hello() {
    return helloOf(self);
  },
  async quote() {
    return { answer: 'refused', reason: 'unknown-addressee' };
  },
  async propose(_, { proposals }) {
    return {
      answers: proposals.map(({ terms, firstSubject }) => ({
        pair: terms.pair,
        answer: 'held',
        secondCommitment: bytes32('2') as Hash,
        secondSubject: firstSubject,
        toName: 'Bo',
        delivers: '',
        sealed: '',
      })),
    };
  },
  async offer() {
    return { answer: 'later', batchId: bytes32('3') as BatchId, reason: 'busy' };
  },
  async countersign(_, { batchId }) {
    return { batchId, answer: 'stored' };
  },
  async withdraw(_, { pairs }) {
    return { answers: pairs.map((pair) => ({ pair, answer: 'given-up' })) };
  },
  async cancel(_, { pair }) {
    return { pair, answer: 'declined' };
  },
  async outcome(_, { pairs }) {
    return { answers: pairs.map((pair) => ({ pair, answer: 'unanswered' })) };
  },
  async window(_, { window: { number } }) {
    return { answer: 'later', number, reason: 'busy' };
  },
  async compare(_, { batchId }) {
    return { answer: 'unknown', batchId };
  },
  async erased() {
    return { answer: 'erased' };
  },
  async sealed(_, { sequence }) {
    return { answer: 'none', sequence };
  },
  async forward(_, { id }) {
    return { id, answer: 'delivered' };
  },
});

export function handlersOf(
  self: OperatorId,
  calls: { from: OperatorId; method: string }[] = [],
  overrides: Partial<PeerHandlers> = {},
): PeerHandlers {
  const answers = answersOf(self);
  const noted = Object.entries(answers).map(([method, answer]) => [
    method,
    (from: OperatorId, request: never) => {
      calls.push({ from, method });
      return (answer as (from: OperatorId, request: never) => unknown)(from, request);
    },
  ]);
  return { ...(Object.fromEntries(noted) as PeerHandlers), ...overrides };
}
