/**
 * The peer has erased its own user of a pair, and with it what that user was told of the other: the number that this
 * operator would find its user by. What it had sealed for itself opens with the key of one user only, so each is tried:
 * rare, and some microseconds a user.
 */
import type { FlowContext } from '../flow/context.ts';
import { unseal } from '../flow/seal.ts';
import { legOf, type Hash, type Msisdn, type OperatorId, type Role } from '../model/ids.ts';
import { hasKeys, userKeyOf } from '../users/keys.ts';
import { userTable } from '../users/user.ts';
import type { GivenBatch } from '../flow/past.ts';

export async function withOwnNumbers(
  { engine }: Pick<FlowContext, 'engine'>,
  peer: OperatorId,
  role: Role,
  given: GivenBatch,
): Promise<GivenBatch> {
  const field = role === 'initiator' ? 'from' : 'to';
  const leg = legOf(role);
  const nameless = given.pairs.filter((pair) => (pair[field] as string) === '' && pair.sealed !== '');
  if (nameless.length === 0) return given;
  const numbers = new Map<string, Msisdn>();
  for await (const [, user] of engine.store.scan(userTable)) {
    if (!hasKeys(engine.newest, user.id)) continue;
    const key = userKeyOf(engine.newest, user.id);
    for (const { terms, sealed } of nameless) {
      if (!numbers.has(terms.pair) && opens(key, { peer, pair: terms.pair, leg }, sealed)) {
        numbers.set(terms.pair, user.number);
      }
    }
    if (numbers.size === nameless.length) break;
  }
  return {
    ...given,
    pairs: given.pairs.map((pair) => ({ ...pair, [field]: numbers.get(pair.terms.pair) ?? pair[field] })),
  };
}

function opens(key: Hash, binding: Parameters<typeof unseal>[1], sealed: string): boolean {
  try {
    unseal(key, binding, sealed);
    return true;
  } catch {
    return false;
  }
}
