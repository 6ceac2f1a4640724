/** Staff of the operators: closes windows now and then and says that they were paid; at the end everything is settled. */
import { TandemError } from '../../operator-node/errors.ts';
import { closeWindow } from '../../operator-node/flow/windows/close.ts';
import { dischargeWindow } from '../../operator-node/flow/windows/discharge.ts';
import { payeeOf, type WindowRecord } from '../../operator-node/flow/windows/window.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import type { World } from './world.ts';

/** What staff is refused it tries another time. */
const tried = (work: () => Promise<unknown>): void => {
  // Also what is thrown at once, by a store that has just failed.
  Promise.try(work).catch((error: unknown) => {
    if (!(error instanceof TandemError)) throw error;
  });
};

export function close(world: World, operator: OperatorId, peer: OperatorId): void {
  const flow = world.node(operator).serving?.node.flow;
  if (flow !== undefined) tried(() => closeWindow(flow, peer));
}

/** Every payee of an anchored statement says that it was paid. */
export function pay(world: World): void {
  for (const operator of world.operators) tried(() => payTo(world, operator));
}

function payTo(world: World, operator: OperatorId): Promise<void> {
  const flow = world.node(operator).serving?.node.flow;
  if (flow === undefined) return Promise.resolve();
  for (const { peer, content, lines } of flow.windows.open()) {
    for (const line of lines) {
      if (line.anchored === undefined || line.order !== undefined) continue;
      if (payeeOf(content, line) !== operator) continue;
      const reference = `bank ${operator} ${content.number}`;
      tried(() => dischargeWindow(flow, { peer, number: content.number, asset: line.asset, reference }));
    }
  }
  return Promise.resolve();
}

export function planWindows(world: World, span: number): void {
  const chance = world.chance.fork('windows');
  for (let count = chance.below(6); count > 0; count -= 1) {
    world.time.after(chance.below(span), () => {
      const operator = chance.pick(world.operators);
      const peer = chance.pick(world.operators);
      if (operator !== peer) close(world, operator, peer);
      if (chance.happens(0.6)) pay(world);
    });
  }
}

/** With a liar nothing need be settled; who was robbed begins no window. */
const openWindows = (world: World): WindowRecord[] =>
  world.able.flatMap((operator) =>
    [...(world.node(operator).serving?.node.flow.windows.open() ?? [])].filter(({ peer }) => world.able.includes(peer)),
  );

const owed = (world: World): string[] =>
  world.able.flatMap((operator) =>
    [...world.monitor.ledger(operator)].flatMap(([key, amount]) => {
      const peer = Number(/^position!(\d+)\//.exec(key)?.[1] ?? operator) as OperatorId;
      const counts = peer !== operator && world.able.includes(peer) && amount !== 0n;
      return counts ? [`operator ${operator}: ${key} is ${amount}`] : [];
    }),
  );

/** Closes and pays until nobody owes anybody anything. */
export async function settleWindows(
  world: World,
  until: (done: () => boolean, what: string) => Promise<void>,
): Promise<void> {
  // Asked again as staff would: a window that was under way has to end before the next one.
  const again = (): void => {
    for (const operator of world.able) {
      for (const peer of world.able) if (operator < peer) close(world, operator, peer);
    }
    pay(world);
    if (!over) world.time.after(2_000, again);
  };
  let over = false;
  again();
  await until(
    () => openWindows(world).length === 0 && owed(world).length === 0 && world.quiet,
    'every window is discharged and every position is zero (I6)',
  );
  over = true;
}
