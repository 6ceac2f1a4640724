/** Several endpoints as one chain: all are asked, and where they disagree of the same thing, that is a finding. */
import { TandemError } from '../../errors.ts';
import type { AuditBlock, RangeChain } from '../audit-chain.ts';
import type { Findings } from './findings.ts';

export interface NamedChain {
  /** What a report may show: the host, never the whole address. */
  readonly name: string;
  readonly chain: RangeChain;
}

const textOf = (value: unknown): string =>
  // Nothing has no JSON; that it is an answer too shows in the comparison.
  JSON.stringify(value ?? null, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}` : inner));

/** The first one’s answer counts; each disagreement is told once for each question. Newest blocks: the oldest of them. */
export function agreeing(endpoints: readonly NamedChain[], findings: Findings): RangeChain {
  const [first, ...others] = endpoints;
  if (first === undefined) throw new TandemError('config-invalid', 'A scan needs at least one RPC endpoint.');
  if (others.length === 0) return first.chain;

  async function ask<T>(what: string, question: (chain: RangeChain) => Promise<T>): Promise<T> {
    const answers = await Promise.all(endpoints.map(({ chain }) => question(chain)));
    const told = answers.map(textOf);
    for (const [at, text] of told.entries()) {
      if (text === told[0]) continue;
      const other = endpoints[at]?.name ?? '';
      findings.add('endpoints-disagree', `${first?.name ?? ''} and ${other} answer differently: ${what}`, {
        what,
        [first?.name ?? 'first']: (told[0] ?? '').slice(0, 200),
        [other]: text.slice(0, 200),
      });
    }
    return answers[0] as T;
  }

  return {
    chainId: () => ask('the chain id', (chain) => chain.chainId()),
    async block(at): Promise<AuditBlock | undefined> {
      if (typeof at === 'number') return ask(`block ${at}`, (chain) => chain.block(at));
      const newest = await Promise.all(endpoints.map(({ chain }) => chain.block(at)));
      const heights = newest.map((block) => block?.number ?? -1);
      const lowest = Math.min(...heights);
      return lowest < 0 ? undefined : ask(`block ${lowest}`, (chain) => chain.block(lowest));
    },
    code: (address, hash) => ask(`the code at ${address}`, (chain) => chain.code(address, hash)),
    call: (to, data, hash) =>
      ask(`the state of ${to} at block ${hash}: ${data.slice(0, 80)}`, (chain) => chain.call(to, data, hash)),
    logs: (address, hash) => ask(`the logs in block ${hash}`, (chain) => chain.logs(address, hash)),
    history: (address, topic, from, to) =>
      ask(`the logs of ${topic}`, (chain) => chain.history(address, topic, from, to)),
    range: (address, from, to) => ask(`the logs in blocks ${from} to ${to}`, (chain) => chain.range(address, from, to)),
  };
}
