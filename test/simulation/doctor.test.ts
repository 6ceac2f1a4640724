/** `tandem doctor` of a node that is at work: everything moves between one look and the next, and nothing is wrong. */
import { describe, expect, it } from 'vitest';
import type { ComposedNode } from '../../operator-node/compose.ts';
import type { NodeParts } from '../../operator-node/wiring/node-parts.ts';
import { accountTable } from '../../operator-node/domains/payments/records.ts';
import { sideStateTable } from '../../operator-node/flow/pair.ts';
import { examine, type Diagnosis } from '../../operator-node/recovery/doctor.ts';
import type { Invariant } from './violation.ts';
import { simulate } from './world.ts';

const everyMillis = 400;

/** What the node says of its sending keys. */
let gasTrouble: string | undefined;

const look = ({ store, reader, config }: NodeParts, node: ComposedNode): Promise<Diagnosis> => {
  const own = node.peers.get(config.operator.id);
  return examine({
    self: config.operator.id,
    store,
    room: node.flow.room,
    reader,
    peers: node.peers,
    channel: node.flow.channel,
    hello: node.hello,
    gas: { trouble: gasTrouble },
    signer: own?.signers[0] ?? '',
    account: own?.accounts[0]?.toLowerCase() ?? '',
  });
};

/** Both nodes are looked at again and again while users order. */
async function lookedAt(seed: number, started?: (node: ComposedNode) => void, deaf: readonly Invariant[] = []) {
  const partsOf = new Map<number, NodeParts>();
  const diagnoses: Diagnosis[] = [];
  const { violation } = await simulate({
    seed,
    calm: true,
    deaf,
    plant: {
      parts: (parts, _world, operator) => {
        partsOf.set(operator, parts);
        return parts;
      },
      started: (node, _world, operator) => {
        const parts = partsOf.get(operator);
        if (parts === undefined) throw new Error('a node without parts');
        node.engine.every(everyMillis, 'doctor', async () => {
          diagnoses.push(await look(parts, node));
        });
        started?.(node);
      },
    },
  });
  return {
    violation,
    diagnoses,
    findings: [...new Set(diagnoses.flatMap(({ findings }) => findings.map(({ says }) => says)))],
  };
}

describe('tandem doctor of a node at work', () => {
  it.each([1, 3, 5, 6])('finds nothing that is not so (seed %i)', { timeout: 60_000 }, async (seed) => {
    const { violation, diagnoses, findings } = await lookedAt(seed);
    expect(violation).toBeUndefined();
    expect(findings).toEqual([]);
    expect(diagnoses.length).toBeGreaterThan(30);
    expect(diagnoses.at(-1)?.looked['anchored heads']).toBeGreaterThan(0);
    const outcomes = diagnoses.map(({ looked }) => looked['outcomes on chain'] ?? 0);
    expect(Math.max(...outcomes)).toBeGreaterThan(5);
  });

  it('says that no orders are taken where its keys cannot pay for gas', { timeout: 60_000 }, async () => {
    gasTrouble = 'its carrier has 0.0 (0 wei)';
    const { findings } = await lookedAt(1);
    gasTrouble = undefined;
    expect(findings).toEqual(['No new orders are taken: its carrier has 0.0 (0 wei)']);
  });

  it('finds money that nobody has booked, and an end that the chain does not know', { timeout: 60_000 }, async () => {
    let done = false;
    const { findings } = await lookedAt(
      1,
      (node) => {
        node.engine.every(1_000, 'a hand in the store', async () => {
          const { store } = node.engine;
          for await (const [key, state] of store.scan(sideStateTable)) {
            if (done || state.state !== 'committed' || !state.told) continue;
            for await (const [account, content] of store.scan(accountTable, { limit: 1 })) {
              done = true;
              await store.transact((tx) => {
                tx.put(sideStateTable, key, { ...state, state: 'aborted' });
                tx.put(accountTable, account, { ...content, balance: (BigInt(content.balance) + 1n).toString() });
              });
            }
          }
        });
      },
      ['I1', 'I2', 'I6', 'hold', 'restore'],
    );
    expect(done).toBe(true);
    expect(findings).toContainEqual(expect.stringMatching(/^Books: [A-Z]{3} sums to 1, not to 0$/));
    expect(findings).toContainEqual(expect.stringMatching(/is aborted here and committed on the chain at block/));
  });
});
