/**
 * An operator's entry in the registry, each field by itself. What one operator has written there decides about that
 * operator alone, and what can be read of it counts: a text that is none keeps no key alive that was rotated away.
 */
import type { Result } from 'ethers';
import { TandemError } from '../errors.ts';
import type { Hash, Hex, OperatorId, UnixSeconds } from '../model/ids.ts';
import type { OperatorEntry, OperatorStatus } from './chain.ts';
import { registryInterface, resultOf } from './decode.ts';
import { FieldFault, Fields } from './fields.ts';

const statuses: readonly OperatorStatus[] = ['unknown', 'active', 'suspended', 'retired'];
const noPin = `0x${'0'.repeat(64)}`;

/** Reads fields, and notes those that it could not. */
class Lenient {
  readonly unreadable = new Set<string>();
  readonly #fields: Fields | undefined;

  constructor(fields: Fields | undefined) {
    this.#fields = fields;
  }

  of<T>(name: string, read: (fields: Fields) => T): T | undefined {
    if (this.#fields === undefined) return undefined;
    try {
      return read(this.#fields);
    } catch (error) {
      if (!(error instanceof FieldFault)) throw error;
      this.unreadable.add(name);
      return undefined;
    }
  }

  /** The key, and the one before while they overlap: what cannot be read is no key. */
  keys<T>(at: UnixSeconds, names: readonly [string, string, string], read: (fields: Fields, name: string) => T): T[] {
    const [current, previous, until] = names;
    const end = this.of(until, (fields) => fields.seconds(until));
    const overlapping = end !== undefined && end >= at ? [previous] : [];
    return [current, ...overlapping].flatMap((name) => this.of(name, (fields) => [read(fields, name)]) ?? []);
  }
}

/** What `operator(id)` returned, as it counts at a block of that time. Never throws: what cannot be read is named. */
export function decodeOperator(id: OperatorId, data: Hex, at: UnixSeconds): OperatorEntry {
  let fields: Fields | undefined;
  try {
    fields = new Fields(resultOf(registryInterface, 'operator', data)[0] as Result);
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
  }
  const entry = new Lenient(fields);
  const status = entry.of('status', (found) => {
    const named = statuses[found.number('status')];
    if (named === undefined) throw new FieldFault('status', 'is none that a node knows');
    return named;
  });
  const text = (name: string): string => entry.of(name, (found) => found.text(name)) ?? '';
  const accounts = entry.keys<string>(at, ['account', 'previousAccount', 'previousAccountUntil'], (found, name) =>
    found.address(name),
  );
  const signers = entry.keys<Hex>(at, ['signer', 'previousSigner', 'previousSignerUntil'], (found, name) =>
    found.hex(name),
  );
  const [pin, ...previousPins] = entry.keys<Hash>(at, ['pin', 'previousPin', 'previousPinUntil'], (found, name) =>
    found.hash(name),
  );
  const nextPin = entry.of('nextPin', (found) => found.hash('nextPin'));
  const ends = ['previousAccountUntil', 'previousSignerUntil', 'previousPinUntil', 'emergencyUntil'].flatMap((name) => {
    // With the last of them the status changes too, and there is no event to say so.
    const end = entry.of(name, (found) => found.seconds(name));
    return end !== undefined && end >= at ? [end] : [];
  });
  const read: OperatorEntry = {
    id,
    handle: text('handle'),
    status: status ?? 'unreadable',
    controller: entry.of('controller', (found) => found.address('controller')) ?? '',
    accounts,
    signers,
    pins: [
      ...(pin === undefined ? [] : [pin]),
      ...(nextPin === undefined || nextPin === noPin ? [] : [nextPin]),
      ...previousPins,
    ],
    endpoint: text('endpoint'),
    ...(ends.length === 0 ? {} : { overlapEnds: Math.min(...ends) as UnixSeconds }),
  };
  if (fields === undefined) return { ...read, unreadable: ['the whole entry'] };
  return entry.unreadable.size === 0 ? read : { ...read, unreadable: [...entry.unreadable] };
}
