/**
 * Which TLS keys an operator had pinned in one block. The state at that block says it; an endpoint that has let go of old
 * state still has the registry's events, which then must lead to the state at the newest final block.
 */
import { ZeroHash } from 'ethers';
import { decodeOperator } from '../chain/decode-operator.ts';
import { Fields } from '../chain/fields.ts';
import { TandemError } from '../errors.ts';
import type { Hash, Hex, OperatorId, UnixSeconds } from '../model/ids.ts';
import type { AuditBlock, AuditChain } from './audit-chain.ts';
import { eventIn, operatorTopic, registry } from './contracts.ts';

export interface PinsRequest {
  readonly operator: number;
  /** The registry's. */
  readonly address: string;
  readonly firstBlock: number;
  readonly block: Pick<AuditBlock, 'number' | 'hash' | 'timestamp'>;
  readonly final: AuditBlock;
}

interface Pinned {
  readonly pin: Hash;
  readonly nextPin: Hash;
  readonly previousPin: Hash;
  /** Unix seconds. */
  readonly previousPinUntil: number;
}

const none = ZeroHash as Hash;
const nobody: Pinned = { pin: none, nextPin: none, previousPin: none, previousPinUntil: 0 };
/** `KeyKind.Pin` of the registry. */
const pinKind = 2;

function after(before: Pinned, name: string, fields: Fields): Pinned {
  switch (name) {
    case 'OperatorAdmitted':
      return { ...nobody, pin: fields.hash('pin') };
    case 'OperatorPinRotated': {
      const [pin, until] = [fields.hash('pin'), fields.number('previousUntil')];
      const previousPin = until === 0 ? none : fields.hash('previousPin');
      const nextPin = pin === before.nextPin ? none : before.nextPin;
      return { pin, nextPin, previousPin, previousPinUntil: until };
    }
    case 'OperatorNextPinSet':
      return { ...before, nextPin: fields.hash('nextPin') };
    case 'OperatorOverlapEnded':
      return fields.number('kind') === pinKind ? { ...before, previousPin: none, previousPinUntil: 0 } : before;
    default:
      return before;
  }
}

const validAt = (timestamp: number, { pin, nextPin, previousPin, previousPinUntil }: Pinned): Hash[] =>
  [pin, nextPin, previousPinUntil >= timestamp ? previousPin : none].filter((each) => each !== none);

async function fromState(chain: AuditChain, request: PinsRequest, block: PinsRequest['block']): Promise<Hash[]> {
  const { operator, address } = request;
  const answer = await chain.call(address, registry.encodeFunctionData('operator', [operator]) as Hex, block.hash);
  if (answer === undefined) return [];
  return [...decodeOperator(operator as OperatorId, answer, block.timestamp as UnixSeconds).pins];
}

async function fromEvents(chain: AuditChain, request: PinsRequest): Promise<Hash[]> {
  const { operator, address, firstBlock, block, final } = request;
  const valid = new Set<Hash>();
  let current = nobody;
  let entered = false;
  /** Every pin of some time within the block, and those that it began with. */
  const collect = (): void => validAt(block.timestamp, current).forEach((pin) => valid.add(pin));
  for (const log of await chain.history(address, operatorTopic(operator), firstBlock, final.number)) {
    const event = eventIn(registry, log);
    if (event === undefined) continue;
    if (log.blockNumber >= block.number && !entered) {
      collect();
      entered = true;
    }
    current = after(current, event.name, new Fields(event.args));
    if (log.blockNumber === block.number) collect();
  }
  if (!entered) collect();
  const now = await fromState(chain, request, final);
  if (validAt(final.timestamp, current).sort().join() === now.sort().join()) return [...valid];
  throw new TandemError(
    'chain-unavailable',
    `The endpoint has no state of block ${block.number}, and the events of operator ${operator}’s pins do not lead to the state of block ${final.number}`,
  );
}

/** @throws {TandemError} `chain-unavailable` where the endpoint has neither the state of that block nor all the events. */
export async function pinsAt(chain: AuditChain, request: PinsRequest): Promise<readonly Hash[]> {
  try {
    return await fromState(chain, request, request.block);
  } catch (error) {
    if (!(error instanceof TandemError) || error.code !== 'chain-unavailable') throw error;
    return fromEvents(chain, request);
  }
}
