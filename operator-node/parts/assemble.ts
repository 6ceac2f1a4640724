/** Makes a node of its parts: each list of what the parts declare is put where the node looks for it. */
import type { Duties } from '../chain/duties.ts';
import type { PeerHandlers } from '../channel/channel.ts';
import type { MethodForms } from '../channel/forms.ts';
import { methods, type Method } from '../channel/messages.ts';
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../errors.ts';
import type { OperatorId } from '../model/ids.ts';
import type { Part, PartLog } from './part.ts';

const methodNames = Object.keys(methods) as readonly Method[];

/**
 * What the node answers its peers. In recovery it takes nothing (rule 11): it says who it is, and gives back what others have
 * sealed.
 * @throws {TandemError} `internal` for a method of the protocol that no part answers
 */
export function handlersOf(parts: readonly Part[], recovering: () => boolean): PeerHandlers {
  const declared = new Map(parts.flatMap(({ peerMethods = [] }) => peerMethods.map((one) => [one.name, one] as const)));
  const handlers = [...new Set([...methodNames, ...declared.keys()])].map((name) => {
    const found = declared.get(name);
    if (found === undefined) throw new TandemError('internal', `No part answers the method ${name}.`);
    const answer = async (from: OperatorId, request: unknown): Promise<unknown> => {
      if (!found.inRecovery && recovering()) {
        throw new TandemError('not-ready', 'This node is in recovery: ask again later.');
      }
      return found.answer(from, request);
    };
    return [name, answer] as const;
  });
  return Object.fromEntries(handlers) as unknown as PeerHandlers;
}

/** The methods of the protocol, and those of the parts. */
export function addForms(forms: MethodForms, parts: readonly Part[]): void {
  for (const { peerMethods = [] } of parts) {
    for (const { name, form } of peerMethods) if (form !== undefined) forms.add(name, form);
  }
}

/** By type of log: what happens with it. */
export const logHandlersOf = (parts: readonly Part[]): ReadonlyMap<string, PartLog> =>
  new Map(parts.flatMap(({ logs = [] }) => logs.map((one) => [one.type, one] as const)));

/** Queues, duties, and what follows the store: before `loadParts`, which fills them. */
export function declareParts(parts: readonly Part[], engine: Engine, duties: Duties): void {
  for (const { queues = [], duties: own = [], follow } of parts) {
    for (const { name, options, worker } of queues) engine.queue(name, options, worker);
    for (const each of own) duties.add(each);
    follow?.();
  }
}

/** The way back in: everything a node does next follows from what it has stored (protocol §3, rule 5). */
export async function loadParts(parts: readonly Part[], engine: Engine, duties: Duties): Promise<void> {
  for (const { load } of parts) await load?.();
  await duties.load();
  await engine.recover();
}

/** Sets everything going that the clock drives. */
export function startClocks(parts: readonly Part[], engine: Engine): void {
  for (const { clocks = [] } of parts) {
    for (const { name, millis, action } of clocks) engine.every(millis, name, action);
  }
}
