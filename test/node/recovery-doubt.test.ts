/** The in-doubt list of nodes in the middle of their work: the real code on a model of chain, disk and network. */
import { Wallet } from 'ethers';
import { describe, expect, it } from 'vitest';
import { nextSteps, type Doubt, type DoubtfulPair } from '../../operator-node/audit/doubt-list.ts';
import { signDigest } from '../../operator-node/commitment/typed-data.ts';
import type { ComposedNode } from '../../operator-node/compose.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { doubtSigner, exportDoubt, listDoubt } from '../../operator-node/recovery/doubt.ts';
import { World } from '../simulation/world.ts';

/** Lists of both operators, each 100 ms from the order until it is over. */
async function watched(
  text: string,
  disturb: (world: World) => void = () => {},
): Promise<readonly { readonly operator: OperatorId; readonly list: Doubt }[]> {
  const nodes = new Map<OperatorId, ComposedNode>();
  const lists: { operator: OperatorId; list: Doubt }[] = [];
  const world = new World({
    seed: 8,
    calm: true,
    spanMillis: 10_000,
    script: [{ atMillis: 500, from: [1, 1], to: [2, 1], text }],
    plant: { started: (node, _world, operator) => void nodes.set(operator, node) },
  });
  const look = (): void => {
    world.time.after(100, () => {
      for (const [operator, node] of nodes) {
        void listDoubt(node.flow).then((list) => lists.push({ operator, list }));
      }
      look();
    });
  };
  look();
  disturb(world);
  const { violation } = await world.run();
  expect(violation).toBeUndefined();
  return lists;
}

const shown = (lists: Awaited<ReturnType<typeof watched>>, operator: number): DoubtfulPair[] =>
  lists.flatMap(({ operator: of, list }) => (of === operator ? list.pairs : []));

describe('listDoubt', () => {
  it('follows a pair from proposal to decision, with what is signed and who is next', async () => {
    const lists = await watched('PAY 10 SEK');
    const initiator = shown(lists, 1);
    const acceptor = shown(lists, 2);
    const steps = (pairs: readonly DoubtfulPair[]): string[] => [...new Set(pairs.map(({ next }) => next))];
    expect(steps(initiator)).toEqual(expect.arrayContaining(['batch-forms', 'peer-decides']));
    expect(steps(acceptor)).toEqual(expect.arrayContaining(['batch-comes']));
    for (const pair of [...initiator, ...acceptor]) {
      // Nobody waits for what has not been signed, and the chain has nothing that is not.
      if (pair.state === 'held') expect(pair.signed).toEqual({ own: false, peer: false });
      if (pair.chain !== 'not-anchored') expect(pair.signed).toEqual({ own: true, peer: true });
      if (pair.decision !== undefined) expect(pair.role).toBe('acceptor');
      expect(nextSteps[pair.next]).toBeDefined();
    }
    expect(lists.at(-1)?.list.pairs).toEqual([]);
  });

  it('says that the chain is out of reach, and that nothing is released meanwhile', async () => {
    const lists = await watched('PAY 10 SEK', (world) => {
      world.time.after(12_000, () => (world.node(1 as OperatorId).chain.down = true));
      world.time.after(18_000, () => (world.node(1 as OperatorId).chain.down = false));
    });
    const cut = lists.filter(({ operator, list }) => operator === 1 && list.block === undefined);
    expect(cut.length).toBeGreaterThan(0);
    for (const { list } of cut) {
      for (const { batchId, next, chain } of list.pairs) {
        if (batchId !== undefined) expect({ next, chain }).toEqual({ next: 'chain-comes-back', chain: 'unknown' });
      }
    }
  });

  it('holds no number, name or amount', async () => {
    const lists = await watched('PAY 10 SEK');
    const text = JSON.stringify(lists);
    expect(text).toContain('"pairs":[{"pair"');
    expect(text).not.toMatch(/\+46|"1000"|SEK|u_[0-9a-f]{24}/);
  });
});

describe('exportDoubt', () => {
  const key = `0x${'42'.repeat(32)}`;

  it('is signed by the key that is given, and by nobody once a byte is changed', async () => {
    const list = (await watched('PAY 10 SEK')).find(({ list: { pairs } }) => pairs.length > 0)?.list;
    if (list === undefined) throw new Error('nothing was in doubt');
    const file = exportDoubt(list, (digest) => signDigest(key, digest));
    expect(doubtSigner(file)).toEqual({ doubt: list, signer: new Wallet(key).address.toLowerCase() });
    const changed = file.replace('"openSeconds":0', '"openSeconds":9').replace('"halted":false', '"halted":true');
    expect(doubtSigner(changed).signer).not.toBe(new Wallet(key).address.toLowerCase());
  });
});
