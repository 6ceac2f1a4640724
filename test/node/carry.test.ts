/** Carrying batches to the chain, where another operator can make them revert. */
import { describe, expect, it } from 'vitest';
import type { SettlementCalls } from '../../operator-node/chain/calls.ts';
import type { ContractCall } from '../../operator-node/chain/chain.ts';
import { Duties } from '../../operator-node/chain/duties.ts';
import { Engine } from '../../operator-node/engine/engine.ts';
import { batchKey, batchStateTable, createBatch, loadBatch, type BatchRecord } from '../../operator-node/flow/batch.ts';
import type { FlowContext } from '../../operator-node/flow/context.ts';
import { OpenWork } from '../../operator-node/flow/open.ts';
import type { Side, SideState } from '../../operator-node/flow/pair.ts';
import { carryDuty, decideDuty, Decisions } from '../../operator-node/flow/submit.ts';
import type { BatchId, Hash, Hex, OperatorId, Role } from '../../operator-node/model/ids.ts';
import type { SignedBatch } from '../../operator-node/model/records.ts';
import { openMemoryStore, SimulatedDisk } from '../../operator-node/store/memory.ts';
import { ManualClock } from './chain.fixture.ts';

const self = 1 as OperatorId;
const digest = `0x${'d'.repeat(64)}` as Hash;
const signature = '0x01' as Hex;
const idOf = (peer: number, sequence: number): BatchId => `0x${peer}${sequence}`.padEnd(66, '0') as BatchId;

function callsOf(role: Role): SettlementCalls {
  const call = (says: string): ContractCall => ({ to: '', data: says as Hex, gasLimit: 1n });
  const nameOf = ({ batch }: SignedBatch): string =>
    `${role === 'initiator' ? batch.acceptor : batch.initiator}/${batch.sequence}`;
  return {
    prepare: (signed) => call(`prepare ${nameOf(signed)}`),
    settle: (signed) => call(`settle ${nameOf(signed)}`),
    decide: () => [call('decide')],
    attest: () => [call('attest')],
    enlarged: (one) => one,
    together: (one) => one,
  };
}

const lanes = [
  [2, 1],
  [2, 2],
  [2, 3],
  [3, 1],
] as const;

/** A node with three signed batches with operator 2, one with operator 3, none of them on the chain. */
async function open(role: Role) {
  const clock = new ManualClock();
  const store = openMemoryStore(new SimulatedDisk());
  const engine = new Engine({
    store,
    clock,
    random: { bytes: (count) => new Uint8Array(count) },
    onEvent: () => undefined,
    onFailure: () => undefined,
  });
  const work = new OpenWork();
  const sent: { readonly tag: string; readonly says: string }[] = [];
  const calls = callsOf(role);
  // What carrying and deciding look at; nothing else of the flow is touched.
  const flow = {
    ...{ self, engine, open: work, peers: { get: () => undefined } },
    config: { timing: { carrySeconds: 0 } },
    chainView: { headTime: 0 },
  } as unknown as FlowContext;
  const decisions = new Decisions();
  const duties = new Duties({
    engine,
    sender: {
      send: (_, __, { data }, tag) => {
        sent.push({ tag, says: data });
        return digest;
      },
    },
    maySend: () => true,
  });
  if (role === 'initiator') duties.add(carryDuty(flow, calls));
  else duties.add(decideDuty(flow, calls, decisions));
  for (const [peer, sequence] of lanes) {
    const batchId = idOf(peer, sequence);
    const [initiator, acceptor] = role === 'initiator' ? [self, peer] : [peer, self];
    const batch = { initiator, acceptor, sequence, deadline: 10_000_000_000, count: 1, root: digest };
    const record = { batchId, role, peer, batch, pairs: [] } as unknown as BatchRecord;
    await engine.run((tx) => {
      const signatures = { initiatorSignature: signature, acceptorSignature: signature };
      createBatch(tx, clock.now(), record, { state: 'countersigned', ...signatures }, 1);
    });
    const { state } = loadBatch(engine.newest, batchId, role) ?? {};
    if (state !== undefined) work.batchIs(record, state);
    const since = clock.now();
    decisions.sideFound({ role } as Side, { state: 'accepted', batch: batchId, index: 0, since } as SideState);
  }
  return {
    clock,
    /** What is sent in one look. */
    async round() {
      const before = sent.length;
      await duties.round();
      return sent.slice(before).map(({ says }) => says);
    },
    /** All that is under way reverts, or what says so. */
    reverts: (...which: readonly string[]) =>
      store.transact((tx) => {
        for (const { tag } of which.length === 0 ? sent : sent.filter(({ says }) => which.includes(says))) {
          duties.onOutcome(tx, { key: 'carrier', tag, hash: digest, status: 'reverted', final: true });
        }
      }),
    prepared: (peer: number, sequence: number) =>
      engine.run((tx) => {
        const state = loadBatch(tx, idOf(peer, sequence), role)?.state;
        const prepared = { number: 1, hash: digest };
        if (state !== undefined) tx.put(batchStateTable, batchKey(idOf(peer, sequence), role), { ...state, prepared });
      }),
  };
}

describe('carryDuty', () => {
  it('tries the first of a lane that reverts alone, and lets those behind it and no others wait', async () => {
    const node = await open('initiator');
    expect(await node.round()).toEqual(['prepare 2/1', 'prepare 3/1', 'prepare 2/2', 'prepare 2/3']);
    await node.reverts('prepare 2/1', 'prepare 2/2', 'prepare 2/3');
    let tries = 0;
    for (let second = 0; second < 3600; second += 1) {
      node.clock.advance(1_000);
      const sent = await node.round();
      expect(sent.filter((says) => says !== 'prepare 2/1')).toEqual([]);
      if (sent.length === 0) continue;
      tries += 1;
      await node.reverts('prepare 2/1');
    }
    expect(tries).toBeLessThan(25);
    await node.prepared(2, 1);
    node.clock.advance(300_000);
    expect(await node.round()).toEqual(['prepare 2/2']);
  });
});

describe('decideDuty', () => {
  it('prepares no batch behind one that reverts, however many decisions wait', async () => {
    const node = await open('acceptor');
    const first = await node.round();
    expect(first).toContain('settle 2/1');
    expect(first).toContain('settle 2/3');
    await node.reverts();
    let tries = 0;
    for (let second = 0; second < 3600; second += 1) {
      node.clock.advance(1_000);
      const sent = await node.round();
      expect(sent.filter((says) => /2\/[23]/.test(says))).toEqual([]);
      tries += sent.filter((says) => says.includes('2/1')).length;
      if (sent.length > 0) await node.reverts();
    }
    expect(tries).toBeLessThan(25);
  });
});
