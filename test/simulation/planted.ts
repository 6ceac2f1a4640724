/**
 * Bugs that a node could have, each as a wrapper around a part of it or as something done behind its back. None is a
 * switch in what ships. `planted.test.ts` says within how many seeds each is caught.
 */
import { protocolForms } from '../../operator-node/channel/forms.ts';
import type { SettlementCalls } from '../../operator-node/chain/calls.ts';
import { emptyCall } from '../../operator-node/chain/calls.ts';
import type { Block, ChainReader, ChainWriter } from '../../operator-node/chain/chain.ts';
import { sentTable, type SentTransaction } from '../../operator-node/chain/sent.ts';
import type { ComposedNode } from '../../operator-node/compose.ts';
import type { NodeParts } from '../../operator-node/wiring/node-parts.ts';
import type { PrivateDomain } from '../../operator-node/domains/domain.ts';
import { createDomains } from '../../operator-node/domains/registry.ts';
import type { Work } from '../../operator-node/engine/engine.ts';
import { TandemError } from '../../operator-node/errors.ts';
import { haltTable, laneTable, loadBatch, type Lane } from '../../operator-node/flow/batch.ts';
import { cursorTable } from '../../operator-node/chain/cursor.ts';
import { advance, sideMachine, type SideMachine } from '../../operator-node/flow/flow.ts';
import { machines } from '../../operator-node/flow/machines.ts';
import { loadSide, withdrawnTable } from '../../operator-node/flow/pair.ts';
import { refusedTable } from '../../operator-node/flow/propose.ts';
import { enterBatch } from '../../operator-node/flow/steps.ts';
import { cancelHeld } from '../../operator-node/flow/steps-initiator.ts';
import { toUnixSeconds, type Hash, type Leg, type OperatorId, type PairId } from '../../operator-node/model/ids.ts';
import type { Store, Table as StoreTable, Tx } from '../../operator-node/store/store.ts';
import { extend } from './extend.ts';
import type { AnyFault } from './reachable.ts';
import type { Plant } from './simulated-node.ts';
import type { Invariant } from './violation.ts';

export interface PlantedBug {
  readonly name: string;
  readonly plant: Plant;
  /** What the generator is told to do; all faults where absent. */
  readonly faults?: readonly AnyFault[];
  readonly spanMillis?: number;
  /** One of three operators is hostile from the beginning. */
  readonly hostile?: boolean;
  /** Caught within so many seeds, counted from 1. */
  readonly within: number;
  /** Checks that see the bug before the one it is here to show. */
  readonly deaf?: readonly Invariant[];
  /** How it must be caught, where it matters. */
  readonly says?: RegExp;
}

// ---- wrappers

type Domain = PrivateDomain;

const wrapDomains =
  (wrap: (domain: Domain, self: OperatorId) => Partial<Domain>): NonNullable<Plant['parts']> =>
  (parts) => ({
    ...parts,
    domains: createDomains(
      parts.domains.all.map((domain) => ({ ...domain, ...wrap(domain, parts.config.operator.id) })),
    ),
  });

/** What a transaction does with the records of one table. */
const wrapWrites =
  (wrap: (tx: Tx, parts: NodeParts) => Partial<Tx>): NonNullable<Plant['parts']> =>
  (parts) => {
    const { store } = parts;
    const wrapped: Store = {
      newest: store.newest,
      scan: (table, range) => store.scan(table, range),
      moment: (tables) => store.moment(tables),
      close: () => store.close(),
      [Symbol.asyncDispose]: () => store.close(),
      transact: (body) =>
        store.transact((tx) =>
          body({
            get: <V>(from: StoreTable<V>, key: string) => tx.get(from, key),
            put: <V>(into: StoreTable<V>, key: string, value: V) => {
              tx.put(into, key, value);
            },
            del: <V>(from: StoreTable<V>, key: string) => {
              tx.del(from, key);
            },
            ...wrap(tx, parts),
          }),
        ),
    };
    return { ...parts, store: wrapped };
  };

const wrapReader =
  (wrap: (reader: ChainReader) => Partial<ChainReader>): NonNullable<Plant['parts']> =>
  (parts) => ({ ...parts, reader: extend(parts.reader, wrap(parts.reader)) });

/** Where nothing is asked it offers a wei more than nothing, does not look whether it has one, and forgets what it offered before. */
function raisingTheUnpayable(): Plant {
  const lying = (writer: ChainWriter): ChainWriter => {
    let sent = 0;
    return extend(writer, {
      broadcast: (raw) => {
        sent += 1;
        return writer.broadcast(raw);
      },
      balance: () => Promise.resolve(10n ** 18n),
      fees: async () => {
        const asked = await writer.fees();
        // What it sends first it prices right.
        if (asked.baseFee > 0n || sent < 3) return asked;
        return { offer: { kind: 'eip1559', maxFeePerGas: 1n, maxPriorityFeePerGas: 1n }, baseFee: 1n };
      },
    });
  };
  return {
    parts: (parts, world, operator) =>
      wrapWrites((tx) => ({
        put: (into, key, value) => {
          if (into.name !== sentTable.name) {
            tx.put(into, key, value);
            return;
          }
          const row = value as SentTransaction;
          const earlier = row.earlier.map(({ hash }) => ({ hash, raw: row.raw }));
          tx.put(sentTable, key, { ...row, earlier });
        },
      }))({ ...parts, writer: lying(parts.writer) }, world, operator),
  };
}

const wrapCalls =
  (wrap: (calls: SettlementCalls, parts: NodeParts) => Partial<SettlementCalls>): NonNullable<Plant['parts']> =>
  (parts) => ({ ...parts, calls: { ...parts.calls, ...wrap(parts.calls, parts) } });

const withTable =
  (side: SideMachine): NonNullable<Plant['parts']> =>
  (parts) => ({ ...parts, machines: { ...machines, ...parts.machines, side } });

const giveUp: SideMachine['initiator']['held']['cancel'] = {
  to: ['aborted'],
  does: cancelHeld,
  emits: ['message', 'withdraw'],
};

/** Every second, something for each side that is not over. */
const everySecond =
  (act: (node: ComposedNode, work: Work, pair: PairId, leg: Leg) => void): NonNullable<Plant['started']> =>
  (node) => {
    node.engine.every(1_000, 'planted', async () => {
      const open: (readonly [PairId, Leg])[] = [];
      for await (const [key] of node.engine.store.scan({ name: 'open-side' })) {
        const cut = key.indexOf('!');
        open.push([key.slice(0, cut) as PairId, key.slice(cut + 1) as Leg]);
      }
      await node.engine.run((work) => {
        for (const [pair, leg] of open) act(node, work, pair, leg);
      });
    });
  };

const release = (node: ComposedNode, work: Work, pair: PairId, leg: Leg): void => {
  const found = loadSide(work, pair, leg);
  if (found === undefined) return;
  advance(node.flow, work, found, { type: 'aborted', reason: 'expired', block: 0 });
};

const asTables = (tables: readonly StoreTable<unknown>[]): ReadonlySet<string> =>
  new Set(tables.map(({ name }) => name));

const forgetting = (...tables: readonly StoreTable<unknown>[]): NonNullable<Plant['parts']> => {
  const forgotten = asTables(tables);
  return wrapWrites((tx) => ({
    put: (into, key, value) => {
      if (!forgotten.has(into.name)) tx.put(into, key, value);
    },
  }));
};

/** What a peer answers to a cancellation ends the pair here, whatever the chain says later. */
function releasingOnWord(): Plant {
  const nodes = new Map<OperatorId, ComposedNode>();
  return {
    started: (node, _, operator) => nodes.set(operator, node),
    parts: (parts, _, operator) => ({
      ...parts,
      remote: (peers) => {
        const channel = parts.remote(peers, protocolForms);
        return {
          ...channel,
          call: async (peer, method, request) => {
            const answer = await channel.call(peer, method, request);
            const node = nodes.get(operator);
            if (method === 'cancel' && node !== undefined && 'pair' in answer && answer.answer === 'declined') {
              await node.engine.run((work) => {
                release(node, work, answer.pair, 'first');
              });
            }
            return answer;
          },
        };
      },
    }),
  };
}

const unavailable = (what: string): TandemError => new TandemError('chain-unavailable', `planted: ${what}`);

// ---- the bugs

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a skipped hold',
    plant: { parts: wrapDomains((domain) => ({ hold: (tx, operation, now) => domain.check(tx, operation, now) })) },
    within: 1,
  },
  {
    name: 'a release by the local clock',
    plant: {
      started: everySecond((node, work, pair, leg) => {
        const found = loadSide(work, pair, leg);
        if (found?.state.batch === undefined || toUnixSeconds(work.now) <= found.side.deadline) return;
        release(node, work, pair, leg);
      }),
    },
    within: 5,
  },
  {
    name: 'a release on a missing log',
    plant: {
      parts: (parts, world, operator) => {
        const decided = new Map<string, bigint[]>();
        return wrapReader((reader) => ({
          // One log in eight is missing, and what was decided is told from logs.
          logs: async (blockHash) => {
            const logs = (await reader.logs(blockHash)).filter((log) => {
              const missing = log.type === 'PairsDecided' && (parts.random.bytes(1)[0] ?? 0) < 32;
              return !missing;
            });
            for (const log of logs) {
              if (log.type !== 'PairsDecided') continue;
              const words = decided.get(log.batchId) ?? [];
              words[log.word] = (words[log.word] ?? 0n) | log.commitMask;
              decided.set(log.batchId, words);
            }
            return logs;
          },
          batchOutcome: async (batchId, blockHash) => ({
            ...(await reader.batchOutcome(batchId, blockHash)),
            commitWords: decided.get(batchId) ?? [],
          }),
        }))(parts, world, operator);
      },
    },
    within: 5,
  },
  {
    name: 'a release at the time of `latest`',
    plant: {
      started: (node) => {
        node.engine.every(500, 'planted', async () => {
          const { chain, engine, open } = node.flow;
          const newest = await chain.head();
          for (const { batchId, role, deadline } of open.allBatches()) {
            if (deadline >= newest.timestamp) continue;
            const outcome = await chain.batchOutcome(batchId, newest.hash);
            await engine.run((work) => {
              loadBatch(work, batchId, role)?.record.pairs.forEach((pair, index) => {
                if (((outcome.commitWords[index >> 8] ?? 0n) >> BigInt(index & 255)) & 1n) return;
                release(node, work, pair, role === 'initiator' ? 'first' : 'second');
              });
            });
          }
        });
      },
    },
    faults: ['reorganised'],
    within: 10,
    says: /I1/,
  },
  {
    name: 'a release because the other signature never came',
    plant: {
      started: everySecond((node, work, pair, leg) => {
        const found = loadSide(work, pair, leg);
        if (found?.state.state === 'signed' && work.now - found.state.since > 3_000) release(node, work, pair, leg);
      }),
    },
    faults: ['partition', 'silent', 'message-lost', 'link-cut-in', 'link-cut-out'],
    within: 10,
  },
  {
    name: 'a reply before the write',
    plant: {
      parts: (parts) => {
        const { store } = parts;
        return {
          ...parts,
          store: extend(store, {
            transact: <R>(body: (tx: Tx) => R) => {
              let result: { readonly value: R } | undefined;
              const durable = store.transact((tx) => {
                result = { value: body(tx) };
                return result.value;
              });
              durable.catch(() => undefined);
              return result === undefined ? durable : Promise.resolve(result.value);
            },
          }),
        };
      },
    },
    within: 3,
    says: /I5/,
  },
  {
    name: 'a double execution',
    plant: {
      parts: wrapDomains((domain) => ({
        commit: (tx, operation, now) => {
          const again = operation.pair.replace(/.$/, (last) => (last === '0' ? '1' : '0')) as PairId;
          domain.commit(tx, { ...operation, pair: again }, now);
          return domain.commit(tx, operation, now);
        },
      })),
    },
    within: 1,
    deaf: ['hold'],
    says: /I2/,
  },
  {
    name: 'a skipped posting',
    plant: {
      parts: wrapDomains((domain, self) => ({
        commit: (tx, operation, now) => {
          // On us there is one attestation, and nothing to differ from.
          if (operation.pair.endsWith('7') && operation.leg === 'first' && operation.counterparty !== self) {
            const { pair, leg, asset, amount } = operation;
            return { posting: { pair, leg, asset, amount, bookedAt: now }, withoutHold: false };
          }
          return domain.commit(tx, operation, now);
        },
      })),
    },
    within: 5,
    deaf: ['hold', 'I2', 'alarm'],
    says: /attested different digests/,
  },
  {
    name: 'a second content for a sequence',
    plant: { parts: forgetting(laneTable) },
    within: 3,
    says: /I4|I6|batch-refused|I1/,
  },
  {
    name: 'a pair put into another batch',
    plant: {
      parts: withTable({
        ...sideMachine,
        initiator: {
          ...sideMachine.initiator,
          held: {
            ...sideMachine.initiator.held,
            batched: {
              to: ['held'],
              does: (flow, work, found, event) => {
                enterBatch(flow, work, found, event);
                return { state: 'held' };
              },
              emits: [],
            },
          },
        },
      }),
    },
    within: 3,
  },
  {
    name: 'signing n+1 before n is countersigned',
    plant: {
      parts: wrapWrites((tx) => ({
        put: (into, key, value) => {
          if (into.name !== laneTable.name || !key.startsWith('acceptor!')) {
            tx.put(into, key, value);
            return;
          }
          const { next } = value as Lane;
          tx.put(laneTable, key, { next });
        },
      })),
    },
    faults: ['message-lost', 'message-late'],
    within: 10,
    says: /I4/,
  },
  {
    name: 'a give-up after the batch has left',
    plant: {
      parts: withTable({
        ...sideMachine,
        initiator: {
          ...sideMachine.initiator,
          signed: { ...sideMachine.initiator.signed, cancel: giveUp },
          countersigned: { ...sideMachine.initiator.countersigned, cancel: giveUp },
        },
      }),
    },
    within: 3,
  },
  {
    name: 'a dead batch that is not anchored',
    plant: {
      parts: wrapCalls((calls, { clock, transactionSigners }) => ({
        prepare: (signed) =>
          toUnixSeconds(clock.now()) > signed.batch.deadline
            ? emptyCall(transactionSigners.carrier.address)
            : calls.prepare(signed),
      })),
    },
    faults: ['partition', 'link-cut-in', 'link-cut-out'],
    spanMillis: 90_000,
    within: 20,
    says: /I6/,
  },
  {
    name: 'a stuck decision replaced by its opposite',
    plant: {
      parts: wrapCalls((calls) => ({
        enlarged: (call, more) =>
          calls.enlarged(
            call,
            // What is behind it in the queue is declined.
            more.map((one) => ({ ...one, commitMask: 0n, abortMask: one.commitMask | one.abortMask })),
          ),
      })),
    },
    faults: ['blocks-half-full', 'transaction-swallowed', 'pool-dropped'],
    within: 30,
  },
  {
    name: 'a raise that cannot be paid',
    plant: raisingTheUnpayable(),
    within: 5,
    says: /I6/,
  },
  {
    name: 'the word of one that has used a nonce where nothing shows it',
    plant: {
      parts: (parts) => {
        const { writer } = parts;
        return {
          ...parts,
          writer: extend(writer, {
            userOf: async (address, nonce, upTo) => {
              const user = await writer.userOf(address, nonce, upTo);
              return user.by === 'nothing' ? { ...user, by: 'transaction', hash: `0x${'0'.repeat(64)}` as Hash } : user;
            },
          }),
        };
      },
    },
    faults: ['nonce-used-up'],
    within: 5,
    says: /nonce-used-elsewhere/,
  },
  {
    name: 'a refusal forgotten on a duplicate',
    plant: {
      parts: forgetting(refusedTable, withdrawnTable),
    },
    within: 10,
  },
  {
    name: 'one text for every pair that its time has ended',
    plant: {
      parts: (parts) => ({
        ...parts,
        analysis: {
          ...parts.analysis,
          serviceText: (service, key, language, params) => {
            const same = key === 'first-late' || key === 'first-unsettled' ? 'first-expired' : key;
            return parts.analysis.serviceText(service, same, language, params);
          },
        },
      }),
    },
    faults: ['transaction-swallowed', 'chain-stalled'],
    within: 10,
    says: /words: .*did not answer in time|words: .*svarade inte i tid/,
  },
  {
    name: 'a readiness that lies',
    plant: {
      started: ({ flow }) => {
        // What is told stays as it is; what is asked before an order is always yes.
        Object.assign(flow.readiness, { blocking: () => undefined });
      },
    },
    faults: ['suspended', 'chain-stalled'],
    within: 10,
    says: /ready: /,
  },
  {
    name: 'a receipt’s status taken as a decision',
    plant: {
      started: (node) => {
        const settled = new Set<string>();
        node.engine.every(500, 'planted', async () => {
          const included: SentTransaction[] = [];
          for await (const [key, row] of node.engine.store.scan(sentTable)) {
            if (row.found?.status !== 'included' || settled.has(key)) continue;
            settled.add(key);
            included.push(row);
          }
          if (included.length === 0) return;
          await node.engine.run((work) => {
            for (const { tag } of included) {
              const sent = work.get<{ item: { entries?: readonly { batchId: string; mask: string }[] } }>(
                { name: 'duty' },
                tag,
              );
              for (const { batchId } of sent?.item.entries ?? []) {
                const batch = work.get<{ pairs: readonly PairId[] }>({ name: 'batch' }, `${batchId}!acceptor`);
                for (const pair of batch?.pairs ?? []) {
                  const found = loadSide(work, pair, 'second');
                  if (found?.state.state !== 'accepted') continue;
                  advance(node.flow, work, found, { type: 'committed', block: 0 });
                }
              }
            }
          });
        });
      },
    },
    faults: ['reorganised'],
    within: 10,
    says: /I1/,
  },
  {
    name: 'carrying stopped at the first receipt before a reorganisation',
    plant: {
      parts: wrapWrites((tx) => ({
        put: (into, key, value) => {
          // Forgotten as soon as it is in a block, final or not.
          if (into.name === sentTable.name && (value as SentTransaction).found !== undefined) tx.del(sentTable, key);
          else tx.put(into, key, value);
        },
      })),
    },
    faults: ['reorganised'],
    within: 20,
    says: /I6/,
  },
  {
    name: 'a cursor written before its effect',
    plant: {
      parts: (parts) => {
        const { store, reader } = parts;
        return {
          ...parts,
          reader: extend(reader, {
            logs: async (blockHash) => {
              const logs = await reader.logs(blockHash);
              const known = store.newest.get(cursorTable, 'chain');
              const final = await reader.finalHead();
              if (logs.length > 0 && final.hash === blockHash && known?.hash !== blockHash) {
                const { number, hash, timestamp } = final;
                await store.transact((tx) => {
                  tx.put(cursorTable, 'chain', { number, hash, timestamp });
                });
                // The effects take a while.
                await new Promise<void>((resolve) => parts.clock.after(300, resolve));
              }
              return logs;
            },
          }),
        };
      },
    },
    faults: ['crash', 'crash-before-write', 'crash-write-lost'],
    within: 30,
  },
  {
    name: 'a second content signed for a peer that lies',
    plant: { parts: forgetting(laneTable) },
    faults: ['lie-two-batches'],
    within: 10,
    says: /I4/,
  },
  {
    name: 'a release on the word of a peer that lies',
    plant: releasingOnWord(),
    faults: ['lie-denial'],
    within: 20,
    says: /I1/,
  },
  {
    name: 'going on as before when a thief decides',
    plant: { parts: forgetting(haltTable) },
    faults: ['stolen-account'],
    within: 5,
    says: /halt/,
  },
  {
    name: 'a decision read from a block that is not final',
    plant: { parts: wrapReader((reader) => ({ finalHead: () => reader.head() })) },
    faults: ['reorganised'],
    within: 10,
    // Its watcher finds its own cursor replaced, and stops for good.
    says: /I1|I6/,
  },
  {
    name: 'a decoder that throws',
    plant: {
      parts: wrapReader((reader) => ({
        logs: async (blockHash) => {
          const logs = await reader.logs(blockHash);
          if (logs.some(({ type }) => type === 'Unreadable')) throw unavailable('a number below 2^53 was expected');
          return logs;
        },
      })),
    },
    hostile: true,
    within: 20,
    says: /ready|I6/,
  },
  {
    name: 'a registry that is read as a whole or not at all',
    plant: {
      parts: wrapReader((reader) => ({
        operators: async (blockHash) => {
          const entries = await reader.operators(blockHash);
          if (entries.some(({ unreadable }) => unreadable !== undefined)) throw unavailable('deferred error');
          return entries;
        },
      })),
    },
    hostile: true,
    within: 20,
    says: /ready|I6/,
  },
  {
    name: 'a newest head that sticks after one lie',
    plant: {
      parts: (parts, ...where) => {
        let asked = 0;
        let highest: Block | undefined;
        const wrapped = wrapReader((reader) => ({
          head: async () => {
            const head = await reader.head();
            asked += 1;
            const lie = { ...head, number: head.number + 1_000_000, timestamp: head.timestamp + 86_400 } as Block;
            if (asked === 20) highest = lie;
            return highest === undefined || head.number >= highest.number ? head : highest;
          },
        }));
        return wrapped(parts, ...where);
      },
    },
    hostile: true,
    within: 5,
    says: /ready|I6/,
  },
  {
    name: 'an alarm that names somebody else',
    plant: {
      parts: (parts, world, operator) => ({
        ...parts,
        onEvent: (event) => {
          const innocent = world.operators.find((each) => each !== operator && each !== world.hostile?.operator);
          const blamed = event.type === 'alarm' && 'peer' in event && innocent !== undefined;
          parts.onEvent(blamed ? { ...event, peer: innocent } : event);
        },
      }),
    },
    hostile: true,
    within: 20,
    says: /alarm/,
  },
  {
    name: 'an unsynced batch',
    plant: { unsyncedMillis: 400 },
    faults: ['crash', 'crash-before-write', 'crash-after-send'],
    within: 10,
  },
];
