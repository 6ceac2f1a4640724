/**
 * What each method looks like on the wire: the schemas of request and answer, how large they can be, and what an answer
 * repeats of its request. A part of a node can add methods of its own to those of the protocol.
 */
import type { z } from 'zod';
import { TandemError } from '../errors.ts';
import type { OperatorId } from '../model/ids.ts';
import { methods, type Answer, type Method, type Request } from './messages.ts';
import { sizes, type Size } from './sizes.ts';

export interface MethodForm {
  readonly request: z.ZodType;
  readonly answer: z.ZodType;
  readonly size: { readonly request: Size; readonly answer: Size };
  /** Why this is no answer to that request; undefined where it is one. */
  readonly repeats: (request: unknown, answer: unknown, peer: OperatorId) => string | undefined;
}

/** The methods that a node speaks. */
export class MethodForms {
  readonly #own = new Map<string, MethodForm>();

  /** One that the protocol does not have. */
  add(name: string, form: MethodForm): void {
    if (this.has(name)) throw new TandemError('internal', `There is a method ${name} already.`);
    this.#own.set(name, form);
  }

  has(name: string): name is Method {
    return Object.hasOwn(methods, name) || this.#own.has(name);
  }

  of(name: Method): MethodForm {
    const own = this.#own.get(name);
    if (own !== undefined) return own;
    const repeats = mismatches[name] as MethodForm['repeats'];
    return { ...methods[name], size: sizes[name], repeats };
  }
}

export type KnownForms = Pick<MethodForms, 'has' | 'of'>;

/** Those of the protocol, and no others. */
export const protocolForms: KnownForms = new MethodForms();

const echo = (what: string, asked: string, answered: string): string | undefined =>
  asked === answered ? undefined : `${what} ${answered} instead of ${asked}`;

function inOrder(
  asked: readonly { readonly pair: string }[],
  answered: readonly { readonly pair: string }[],
): string | undefined {
  if (asked.length !== answered.length) return `${answered.length} answers to ${asked.length} pairs`;
  const wrong = asked.findIndex((question, index) => question.pair !== answered[index]?.pair);
  return wrong === -1
    ? undefined
    : echo(`answer ${wrong} is of pair`, asked[wrong]?.pair ?? '', answered[wrong]?.pair ?? '');
}

/** What an answer repeats of its request; lists are answered one for one and in order. */
const mismatches: {
  readonly [M in Method]: (request: Request<M>, answer: Answer<M>, peer: OperatorId) => string | undefined;
} = {
  hello: (_, answer, peer) => echo('operator', String(peer), String(answer.operator)),
  quote: () => undefined,
  propose: (request, answer) =>
    inOrder(
      request.proposals.map((proposal) => proposal.terms),
      answer.answers,
    ),
  // The batchId is not in the request: who asked computes it.
  offer: () => undefined,
  countersign: (request, answer) => echo('batch', request.batchId, answer.batchId),
  withdraw: (request, answer) =>
    inOrder(
      request.pairs.map((pair) => ({ pair })),
      answer.answers,
    ),
  cancel: (request, answer) => echo('pair', request.pair, answer.pair),
  outcome: (request, answer) =>
    inOrder(
      request.pairs.map((pair) => ({ pair })),
      answer.answers,
    ),
  window: ({ window }, answer) => {
    if (answer.number !== window.number) return echo('window', `${window.number}`, `${answer.number}`);
    if (answer.answer !== 'signed') return undefined;
    if (answer.window.number !== window.number) return echo('window', `${window.number}`, `${answer.window.number}`);
    const [assets, signatures] = [answer.window.nets.length, answer.signatures.length];
    return assets === signatures ? undefined : `${signatures} signatures of ${assets} assets`;
  },
  compare: ({ batchId, ranges }, answer) => {
    if (answer.batchId !== batchId) return echo('batch', batchId, answer.batchId);
    if (answer.answer === 'unknown' || answer.digests.length === ranges.length) return undefined;
    return `${answer.digests.length} digests of ${ranges.length} ranges`;
  },
  erased: () => undefined,
  sealed: ({ sequence, first }, answer) =>
    echo('sequence', String(sequence), String(answer.sequence)) ??
    (answer.answer === 'batch' && answer.batch.count !== first + answer.pairs.length + answer.left
      ? `${answer.pairs.length} pairs and ${answer.left} left from ${first} of ${answer.batch.count}`
      : undefined),
  forward: (request, answer) => echo('message', request.id, answer.id),
};
