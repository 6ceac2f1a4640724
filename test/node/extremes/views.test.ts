/**
 * Every field of every view of the contracts that a node or an auditor reads, at its extremes: each is read, or said to be
 * unreadable by its name, and never more than that. Which views are read is taken from the sources: a new one fails here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contractsAt, type Contracts } from '../../../operator-node/audit/contracts.ts';
import { connect } from '../../../operator-node/chain/connect.ts';
import type { ChainReader } from '../../../operator-node/chain/chain.ts';
import { RpcReader } from '../../../operator-node/chain/rpc.ts';
import { rpcAuditChain } from '../../../operator-node/audit/rpc-audit-chain.ts';
import { TandemError } from '../../../operator-node/errors.ts';
import type { BatchId, Hash } from '../../../operator-node/model/ids.ts';
import { ManualClock } from '../chain.fixture.ts';
import { asOperator, contracts, interfaceOf, outputsOf, TestChain } from './chain.ts';
import { self } from './node.ts';
import { encodeStruct, extremesOf, hexOf } from './values.ts';

type Contract = keyof typeof contracts;

const batchId = `0x${'b1'.repeat(32)}` as BatchId;

/** By contract and view: what reads it in a node. */
const nodeReads: Readonly<Record<string, (reader: ChainReader, at: Hash) => Promise<unknown>>> = {
  'OperatorRegistry.operator': (reader, at) => reader.operators(at),
  'OperatorRegistry.operatorCount': (reader, at) => reader.operators(at),
  'PairSettlement.batchOutcome': (reader, at) => reader.batchOutcome(batchId, at),
  'PairSettlement.nextSequence': (reader, at) => reader.nextSequence(asOperator(1), asOperator(2), at),
  'AuditLog.lastCheckpoint': (reader, at) => reader.lastCheckpoint(asOperator(2), at),
  'AuditLog.disclosureRequest': (reader, at) => reader.disclosureRequest(4, at),
};

/** And in an audit. */
const auditReads: Readonly<Record<string, (read: Contracts, at: Hash) => Promise<unknown>>> = {
  'OperatorRegistry.operator': async (read, at) => [await read.signerOf(2, at), await read.entryOf(2, at)],
  'OperatorRegistry.finality': (read, at) => read.finality(at),
  'PairSettlement.REGISTRY': (read, at) => read.registryOf(at),
  'PairSettlement.batchOutcome': (read, at) => read.batchOutcome(batchId, at),
  'PairSettlement.executedDigestOf': (read, at) => read.attestedDigest(batchId, 2, at),
  'PairSettlement.pairStatus': (read, at) => read.pairStatus(batchId, 0, at),
  'PairSettlement.verifyPair': (read, at) => read.verifyPair(bundle as never, '0x00' as never, at),
};
const bundle = {
  batch: { initiator: 1, acceptor: 2, sequence: '1', deadline: 1, count: 1, root: batchId },
  index: 0,
  proof: [],
};

/** Read where logs and windows are, by the same decoders as above. */
const readElsewhere = ['PairSettlement.nextSequence', 'AuditLog.disclosureRequest'];

function open(): {
  readonly chain: TestChain;
  readonly at: Hash;
  readonly reader: RpcReader;
  readonly audit: Contracts;
} {
  const chain = new TestChain();
  for (const operator of [1, 2, 3]) chain.admit(operator);
  chain.add();
  const { network } = chain;
  const urls = ['http://endpoint.test'];
  const endpoints = connect({ network, urls, clock: new ManualClock(), fetchOver: chain.fetchOver });
  const reader = new RpcReader({ endpoints, network, extraDepth: 0, self });
  const audit = contractsAt(rpcAuditChain('http://endpoint.test', chain.fetchOver), contracts);
  return { chain, at: chain.blocks.at(-1)?.hash as Hash, reader, audit };
}

/** Every answer that the view could be given: each field's extremes, and what is no answer. */
function answersOf(contract: Contract, view: string): readonly (readonly [name: string, data: string])[] {
  const fields = outputsOf(contract, view);
  return [
    ...fields.flatMap((field) =>
      extremesOf(field.type).map(({ name, bytes }) => {
        const data = hexOf(encodeStruct(fields, new Map([[field.name, bytes]])));
        return [`${field.name} = ${name}`, data] as const;
      }),
    ),
    ['nothing', '0x'],
    ['one byte', '0x01'],
    ['offsets past the end', `0x${'ff'.repeat(96)}`],
    ['offsets in a circle', `0x${'00'.repeat(32)}`.repeat(1) + '00'.repeat(31) + '20'],
  ];
}

const partsOf = (name: string): [Contract, string] => name.split('.') as [Contract, string];

describe('what a node reads', () => {
  it.each(Object.keys(nodeReads))('%s: an extreme is read, or said to be unreadable', async (name) => {
    const [contract, view] = partsOf(name);
    const { chain, at, reader } = open();
    for (const [what, data] of answersOf(contract, view)) {
      chain.views = (asked, args) => (asked === view && (view !== 'operator' || args[0] === 2n) ? data : undefined);
      try {
        await nodeReads[name]?.(reader, at);
      } catch (error) {
        if (!(error instanceof TandemError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
        expect(error.code, what).toBe('chain-unavailable');
        expect(error.message, what).toContain(view);
        expect(error.message.length, what).toBeLessThan(2_000);
      }
      chain.views = () => undefined;
      await expect(reader.operators(at), what).resolves.toHaveLength(3);
    }
  });
});

describe('what an audit reads', () => {
  it.each(Object.keys(auditReads))('%s: an extreme is read, or taken for no answer', async (name) => {
    const [contract, view] = partsOf(name);
    const { chain, at, audit } = open();
    for (const [what, data] of answersOf(contract, view)) {
      chain.views = (asked) => (asked === view ? data : undefined);
      await auditReads[name]?.(audit, at).catch((error: unknown) => {
        if (!(error instanceof TandemError)) throw new Error(`${what}: ${String(error)}`, { cause: error });
      });
    }
  });
});

describe('the views of the contracts', () => {
  it('that the sources name are all read here', () => {
    const root = join(import.meta.dirname, '..', '..', '..', 'operator-node');
    const sources = ['chain', 'audit', 'recovery', 'flow', 'api']
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(root, folder, file)),
      )
      .filter((file) => file.endsWith('.ts') && !file.endsWith('abi.ts'))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const named = new Set(
      [
        ...sources.matchAll(
          /(?:encodeFunctionData|decodeFunctionResult|#view|view|ask)\((?:[\w.#]+,\s*){0,2}'([A-Za-z]+)'/g,
        ),
      ].map(([, name]) => name),
    );
    const known = new Set(
      [...Object.keys(nodeReads), ...Object.keys(auditReads), ...readElsewhere].map((name) => partsOf(name)[1]),
    );
    const views = (Object.keys(contracts) as Contract[]).flatMap((contract) =>
      interfaceOf(contract).fragments.flatMap((fragment) =>
        fragment.type === 'function' &&
        'stateMutability' in fragment &&
        fragment.stateMutability === 'view' &&
        'name' in fragment
          ? [String(fragment.name)]
          : [],
      ),
    );
    const read = views.filter((view) => named.has(view));
    expect(read.length).toBeGreaterThan(5);
    expect(read.filter((view) => !known.has(view))).toEqual([]);
  });
});
