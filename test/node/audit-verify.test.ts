import { Wallet, getBytes, keccak256 } from 'ethers';
import { describe, expect, it, vi } from 'vitest';
import { TandemError } from '../../operator-node/errors.ts';
import { buildBundle, fullPolicy } from '../../operator-node/audit/bundle.ts';
import { encodeBundle, parseBundle, type EvidenceBundle } from '../../operator-node/audit/format.ts';
import { parseNetwork, type AuditNetwork } from '../../operator-node/model/network-file.ts';
import { checkNames, verifyBundle, type CheckName, type Verification } from '../../operator-node/audit/verify.ts';
import { toHex } from '../../operator-node/commitment/bytes.ts';
import { disclose } from '../../operator-node/commitment/disclosure.ts';
import { signDigest } from '../../operator-node/commitment/typed-data.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';
import {
  addresses,
  admission,
  currentKeys,
  decidedAt,
  makeCase,
  makePair,
  modelBlock,
  modelChain,
  network,
  preparedAt,
  remembering,
  signers,
  transactionOf,
  type Case,
  type CaseOptions,
  type RegistryEvent,
} from './audit.fixture.ts';

// Recovering a key takes milliseconds, and thousands of altered bundles hold the same two signatures.
vi.mock(import('../../operator-node/commitment/typed-data.ts'), async (importOriginal) => {
  const original = await importOriginal();
  const known = new Map<string, string | undefined>();
  return {
    ...original,
    recoverSigner: (digest, signature) => {
      const key = `${digest}${signature}`;
      if (!known.has(key)) known.set(key, original.recoverSigner(digest, signature));
      return known.get(key);
    },
  };
});

const committed = makeCase();

const verify = (text: string, { chain }: Pick<Case, 'chain'> = committed, against: AuditNetwork = network) =>
  verifyBundle(text, { network: against, chain });

const failedChecks = ({ checks }: Verification): CheckName[] =>
  checks.filter(({ status }) => status === 'failed').map(({ name }) => name);

/** A bundle whose object was changed before it was encoded: canonical, and wrong. */
function changed(change: (bundle: EvidenceBundle) => EvidenceBundle, { text } = committed): string {
  const parsed = parseBundle(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  return encodeBundle(change(parsed.bundle));
}

async function expectFailure(verification: Promise<Verification>, check: CheckName, found: string): Promise<void> {
  const { verdict, checks } = await verification;
  expect(verdict).toBe('FAIL');
  expect(checks.find(({ name }) => name === check)).toMatchObject({ status: 'failed' });
  expect(checks.find(({ name }) => name === check)?.found).toContain(found);
}

const replaceAt = <T>(list: readonly T[], position: number, value: T): T[] =>
  list.map((item, index) => (index === position ? value : item));

describe('form', () => {
  const { text } = committed;
  it.each([
    ['an empty file', '', 'not JSON'],
    ['another format', text.replace('evidence/1', 'evidence/2'), 'format: '],
    ['a byte order mark', `\ufeff${text}`, 'not JSON'],
    ['a newline at the end', `${text}\n`, 'not canonical'],
    ['a space between', text.replace('":"', '": "'), 'not canonical'],
    [
      'keys in another order',
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse())),
      'not canonical',
    ],
    [
      'upper-case hex',
      text.replace(/"root":"0x[0-9a-f]+"/, (root) => root.toUpperCase().replace('"ROOT":"0X', '"root":"0x')),
      'batch.root: ',
    ],
    ['a second value for a key', text.replace('"index":2', '"index":1,"index":2'), 'not canonical'],
    ['a number written in another way', text.replace('"index":2', '"index":2.0'), 'not canonical'],
    ['an escape that need not be', text.replace('tandem/evidence', 'tandem\\/evidence'), 'not canonical'],
    ['a sequence of 2^64', text.replace('"sequence":"7"', `"sequence":"${2n ** 64n}"`), 'batch.sequence: '],
    ['a chain id of 2^256', text.replace('"chainId":"20261123"', `"chainId":"${2n ** 256n}"`), 'chainId: '],
    ['an unknown key', text.replace('{', '{"a":1,'), 'Unrecognized key'],
    ['a key named __proto__', text.replace('{', '{"__proto__":{"index":1},'), ''],
    ['more than a mebibyte', `${' '.repeat(1_048_576)}${text}`, 'bytes'],
    [
      'no operation at all',
      changed(({ records, ...bundle }) => ({ ...bundle, records: { terms: records.terms } })),
      'record of an operation',
    ],
  ])('refuses %s', async (_, attempt, found) => {
    const result = await verify(attempt);
    expect(failedChecks(result)).toEqual(['form']);
    expect(result.checks[0]?.found).toContain(found);
    expect(result.statement).toBeUndefined();
  });
});

describe('disclosures', () => {
  const { terms, termsSecret, operations } = committed.input;
  const { first } = operations;
  const secret = first !== undefined && 'secret' in first ? first.secret : termsSecret;

  it.each([
    [
      'a disclosure in the place of another field',
      changed((bundle) => ({
        ...bundle,
        records: {
          ...bundle.records,
          terms: replaceAt(bundle.records.terms, 3, disclose(termsSecret, 'secondAmount', terms.secondAmount)),
        },
      })),
      'terms.firstAmount is disclosed by a disclosure of "secondAmount"',
    ],
    [
      'a disclosure of an unknown field',
      changed((bundle) => ({
        ...bundle,
        records: { ...bundle.records, terms: replaceAt(bundle.records.terms, 3, disclose(termsSecret, 'amount', '1')) },
      })),
      'a disclosure of "amount"',
    ],
    [
      'a disclosure with padding',
      changed((bundle) => ({
        ...bundle,
        records: { ...bundle.records, terms: replaceAt(bundle.records.terms, 1, `${bundle.records.terms[1] ?? ''}A`) },
      })),
      'terms.service is no disclosure',
    ],
    [
      'an amount with a leading zero',
      changed((bundle) => ({
        ...bundle,
        records: {
          ...bundle.records,
          terms: replaceAt(bundle.records.terms, 3, disclose(termsSecret, 'firstAmount', '012000')),
        },
      })),
      'not an amount in minor units',
    ],
    [
      'a day that no calendar has',
      changed((bundle) => ({
        ...bundle,
        records: {
          ...bundle.records,
          terms: replaceAt(bundle.records.terms, 8, disclose(termsSecret, 'created', '2026-02-30T10:00:00Z')),
        },
      })),
      'not RFC 3339',
    ],
    [
      'a hidden action',
      changed((bundle) => ({
        ...bundle,
        records: { ...bundle.records, first: replaceAt(bundle.records.first ?? [], 4, `0x${'00'.repeat(32)}`) },
      })),
      'first.action is hidden',
    ],
    [
      'a hidden pair in the terms',
      changed((bundle) => ({
        ...bundle,
        records: { ...bundle.records, terms: replaceAt(bundle.records.terms, 0, `0x${'00'.repeat(32)}`) },
      })),
      'terms.pair is hidden',
    ],
    [
      'an unknown action',
      changed((bundle) => ({
        ...bundle,
        records: {
          ...bundle.records,
          first: replaceAt(bundle.records.first ?? [], 4, disclose(secret, 'action', 'steal')),
        },
      })),
      'one of debit',
    ],
  ])('refuses %s', async (_, attempt, found) => {
    await expectFailure(verify(attempt), 'disclosures', found);
  });

  it('has no room for a second amount', () => {
    const second = disclose(secret, 'amount', '1');
    const parsed = parseBundle(
      encodeBundle({ ...(JSON.parse(committed.text) as EvidenceBundle), records: { terms: [], first: [second] } }),
    );
    expect(parsed).toMatchObject({ ok: false, reason: expect.stringContaining('records.') as string });
  });
});

describe('commitments', () => {
  it('refuse a value that was not committed to, though it is well-formed', async () => {
    const { termsSecret } = committed.input;
    const forged = changed((bundle) => ({
      ...bundle,
      records: {
        ...bundle.records,
        terms: replaceAt(bundle.records.terms, 3, disclose(termsSecret, 'firstAmount', '1')),
      },
    }));
    const result = await verify(forged);
    expect(failedChecks(result)).toContain('commitments');
    expect(result.statement).toBeUndefined();
  });

  it('refuse the record of another pair, though it is anchored', async () => {
    const other = makeCase({ index: 3 });
    const swapped = changed((bundle) => ({ ...bundle, records: (JSON.parse(other.text) as EvidenceBundle).records }));
    await expectFailure(verify(swapped), 'commitments', 'the terms record commits to');
  });

  it('are made again for each record that is there', async () => {
    for (const leg of ['first', 'second'] as const) {
      const both = makeCase({ legs: ['first', 'second'] });
      const hidden = changed(
        (bundle) => ({
          ...bundle,
          records: { ...bundle.records, [leg]: replaceAt(bundle.records[leg] ?? [], 5, `0x${'00'.repeat(32)}`) },
        }),
        both,
      );
      await expectFailure(verify(hidden, both), 'commitments', `the ${leg} record commits to`);
    }
  });
});

describe('agreement', () => {
  const contradictions: [string, NonNullable<CaseOptions['but']>, string][] = [
    [
      'terms of another pair',
      { terms: { pair: makePair(9, { initiator: 1, acceptor: 2 }).terms.pair } },
      'pair: leaf has',
    ],
    [
      'a first record of another pair',
      { first: { pair: makePair(9, { initiator: 1, acceptor: 2 }).terms.pair } },
      'pair: leaf has',
    ],
    ['two records of the same leg', { second: { leg: 'first' } }, 'leg of the second record'],
    ['terms with another initiator', { terms: { initiator: '3' } }, 'initiator: batch has 1, terms has 3'],
    ['a first record of another operator', { first: { operator: '2' } }, 'initiator: batch has 1, first record has 2'],
    [
      'a second record of another operator',
      { second: { operator: '1' } },
      'acceptor: batch has 2, second record has 1',
    ],
    ['terms with another deadline', { terms: { deadline: '1790000025' } }, 'deadline: batch has'],
    [
      'another asset in the first record',
      { first: { asset: 'EUR' } },
      'first asset: terms has SEK, first record has EUR',
    ],
    ['another amount in the first record', { first: { amount: '12001' } }, 'first amount: terms has 12000'],
    ['another asset in the second record', { second: { asset: 'EUR' } }, 'second asset: '],
    ['another amount in the second record', { second: { amount: '1' } }, 'second amount: '],
    [
      'a counterparty that is not the other subject',
      { first: { counterparty: 'A'.repeat(43) } },
      "first record's counterparty",
    ],
    [
      'a second counterparty that is not the first subject',
      { second: { counterparty: 'A'.repeat(43) } },
      "second record's counterparty",
    ],
  ];
  it.each(contradictions)('refuses %s, though both operators signed it', async (_, but, found) => {
    const pair = makeCase({ legs: ['first', 'second'], but, input: { policy: fullPolicy } });
    const result = await verify(pair.text, pair);
    expect(failedChecks(result)).toEqual(['agreement']);
    expect(result.checks.find(({ name }) => name === 'agreement')?.found).toContain(found);
  });
});

describe('inclusion and batch-id', () => {
  it('refuse another index, a proof of another leaf, and a proof too long', async () => {
    const other = JSON.parse(makeCase({ index: 3 }).text) as EvidenceBundle;
    await expectFailure(verify(changed((bundle) => ({ ...bundle, index: 3 }))), 'inclusion', 'the proof leads to');
    await expectFailure(verify(changed((bundle) => ({ ...bundle, proof: other.proof }))), 'inclusion', 'leads to');
    const long = changed((bundle) => ({ ...bundle, proof: [...bundle.proof, bundle.leaf.terms] }));
    await expectFailure(verify(long), 'inclusion', 'fits no such leaf');
    await expectFailure(verify(changed((bundle) => ({ ...bundle, index: 5 }))), 'inclusion', 'leaf 5 of 5');
  });

  it.each(['initiator', 'acceptor', 'deadline', 'count'] as const)('refuse another %s of the batch', async (field) => {
    const other = changed((bundle) => ({ ...bundle, batch: { ...bundle.batch, [field]: bundle.batch[field] + 1 } }));
    await expectFailure(verify(other), 'batch-id', 'the batch has the id');
  });

  it('refuse another sequence', async () => {
    const other = (sequence: string) =>
      verify(changed((bundle) => ({ ...bundle, batch: { ...bundle.batch, sequence } })));
    await expectFailure(other('8'), 'batch-id', 'the batch has the id');
  });
});

describe('network', () => {
  it.each([
    [
      'a bundle of another chain',
      changed((bundle) => ({ ...bundle, chainId: '1' })),
      network,
      committed.chain,
      'the bundle’s chain id is 1',
    ],
    [
      'a bundle of a look-alike contract',
      changed((bundle) => ({ ...bundle, contract: `0x${'5f'.repeat(20)}` })),
      network,
      committed.chain,
      'the bundle’s contract is 0x5f',
    ],
    [
      'an endpoint of another chain',
      committed.text,
      network,
      modelChain({ ...committed.model, but: { chainId: async () => 1n } }),
      'the endpoint’s chain id is 1',
    ],
    [
      'an endpoint of another chain with the same id',
      committed.text,
      { ...network, genesisHash: modelBlock(1).hash },
      committed.chain,
      'genesis block',
    ],
    [
      'other code at the contract',
      committed.text,
      { ...network, codeHashes: { ...network.codeHashes, PairSettlement: keccak256('0x00') as Hash } },
      committed.chain,
      'the code hash of PairSettlement',
    ],
    [
      'other code at the registry',
      committed.text,
      { ...network, codeHashes: { ...network.codeHashes, OperatorRegistry: keccak256('0x00') as Hash } },
      committed.chain,
      'the code hash of OperatorRegistry',
    ],
    [
      'a contract that asks another registry',
      committed.text,
      {
        ...network,
        contracts: { ...addresses, OperatorRegistry: `0x${'0f'.repeat(20)}` },
        codeHashes: { ...network.codeHashes, OperatorRegistry: keccak256('0x') as Hash },
      },
      committed.chain,
      'the registry that PairSettlement asks',
    ],
    [
      'a chain without a final block',
      committed.text,
      { ...network, finality: { mode: 'depth', depth: 100 } },
      committed.chain,
      'no block that is final',
    ],
  ] as const)('refuses %s', async (_, text, against, chain, found) => {
    await expectFailure(verify(text, { chain }, against), 'network', found);
  });

  it('is never PASS without a network file, and fails where the bundle contradicts itself', async () => {
    const { verdict, checks, statement } = await verifyBundle(committed.text);
    expect(verdict).toBe('UNPINNED');
    expect(checks.filter(({ status }) => status === 'skipped').map(({ name }) => name)).toEqual(
      checkNames.slice(checkNames.indexOf('network')),
    );
    expect(statement?.disclosed.terms).toMatchObject({ firstAmount: '12000' });
    expect((await verifyBundle(changed((bundle) => ({ ...bundle, index: 3 })))).verdict).toBe('FAIL');
  });

  it('takes the finality from the registry where the file leaves it out', async () => {
    const { finality: _, ...without } = network;
    const { verdict, checks } = await verify(committed.text, committed, without);
    expect(verdict).toBe('PASS');
    expect(checks.find(({ name }) => name === 'contract')?.found).toContain('final block 11');
  });

  it('passes on that the endpoint does not answer: nothing is known then', async () => {
    const refuse = () => Promise.reject(new TandemError('chain-unavailable', 'down'));
    const chain = modelChain({ ...committed.model, but: { block: refuse } });
    await expect(verify(committed.text, { chain })).rejects.toThrow('down');
    await expectFailure(
      verify(
        changed((bundle) => ({ ...bundle, index: 3 })),
        { chain },
      ),
      'inclusion',
      'leads to',
    );
  });
});

describe('parseNetwork', () => {
  it('refuses what it cannot use, naming the field', () => {
    expect(() => parseNetwork({ ...network, chainId: 1 })).toThrow('chainId');
    expect(() => parseNetwork({ ...network, contracts: { ...addresses, PairSettlement: 'x' } })).toThrow(
      'contracts.PairSettlement',
    );
    expect(() => parseNetwork(null)).toThrow(TandemError);
  });

  it('reads a network with addresses of either spelling', () => {
    const spelled = {
      ...network,
      contracts: { ...addresses, PairSettlement: addresses.PairSettlement.replaceAll('e', 'E') },
    };
    expect(parseNetwork(spelled)).toEqual(network);
  });
});

describe('blocks', () => {
  const at = (field: 'prepared' | 'decision', change: Partial<EvidenceBundle['prepared']['block']>) =>
    verify(
      changed((bundle) => ({ ...bundle, [field]: { ...bundle[field], block: { ...bundle[field].block, ...change } } })),
    );

  it('refuse a block that is not final, is older than the network, or is another one', async () => {
    for (const field of ['prepared', 'decision'] as const) {
      await expectFailure(at(field, { number: 12 }), 'blocks', 'block 12 is not final: the newest final block is 11');
      await expectFailure(at(field, { number: 0 }), 'blocks', 'older than the network’s first');
      await expectFailure(at(field, { number: 4 }), 'blocks', 'the chain has block 4');
      await expectFailure(at(field, { timestamp: 1 }), 'blocks', 'the chain has');
      await expectFailure(at(field, { hash: modelBlock(4).hash }), 'blocks', 'the chain has');
    }
  });
});

describe('prepared', () => {
  it('refuses a batch that was prepared in another block, or in another transaction', async () => {
    const { hash, number, timestamp } = modelBlock(preparedAt + 1);
    const elsewhere = changed((bundle) => ({
      ...bundle,
      prepared: { ...bundle.prepared, block: { hash, number, timestamp } },
    }));
    await expectFailure(verify(elsewhere), 'prepared', 'no BatchPrepared');
    const other = changed((bundle) => ({
      ...bundle,
      prepared: { ...bundle.prepared, transaction: transactionOf('decide') },
    }));
    await expectFailure(verify(other), 'prepared', 'the batch came in transaction');
  });

  it('refuses a batch that is on a look-alike contract only', async () => {
    const chain = modelChain({ ...committed.model, signed: makeCase({ count: 6 }).signed });
    const result = await verify(committed.text, { chain });
    expect(failedChecks(result)).toEqual(['prepared', 'decision', 'contract']);
  });
});

describe('signers and signatures', () => {
  const stranger = new Wallet(toHex(Buffer.alloc(32, 66)));
  const strangersAddress = stranger.address.toLowerCase() as Hex;

  it('refuse a signer that the registry did not have', async () => {
    const forged = changed((bundle) => ({
      ...bundle,
      signers: { ...bundle.signers, acceptor: strangersAddress },
      signatures: { ...bundle.signatures, acceptor: signDigest(stranger.privateKey, bundle.batchId) },
    }));
    await expectFailure(verify(forged), 'signers', `the bundle has ${strangersAddress}`);
  });

  it('refuse no signer for an operator that was never admitted', async () => {
    const chain = modelChain({
      ...committed.model,
      registry: () => ({ signer: '0x' as Hex, previousSigner: '0x' as Hex, previousSignerUntil: 0 }),
    });
    const forged = changed((bundle) => ({ ...bundle, signers: { ...bundle.signers, acceptor: '0x' as Hex } }));
    expect(failedChecks(await verify(forged, { chain }))).toContain('signers');
  });

  it('refuse the signature of another batch, and signatures changed round', async () => {
    const other = signDigest(signers.acceptor.privateKey, makeCase({ count: 6 }).signed.batchId);
    const forged = changed((bundle) => ({ ...bundle, signatures: { ...bundle.signatures, acceptor: other } }));
    await expectFailure(verify(forged), 'signatures', 'the acceptor’s signature is not');
    const round = changed((bundle) => ({
      ...bundle,
      signatures: { initiator: bundle.signatures.acceptor, acceptor: bundle.signatures.initiator },
    }));
    await expectFailure(verify(round), 'signatures', 'the initiator’s signature is not');
  });

  it('refuse a key that was rotated away before the batch, and take one that still overlapped', async () => {
    const rotated = (until: number) =>
      modelChain({
        ...committed.model,
        registry: (operator, block) => {
          const { signer } = currentKeys(operator, block);
          return { signer: strangersAddress, previousSigner: signer, previousSignerUntil: until };
        },
      });
    const time = modelBlock(preparedAt).timestamp;
    await expectFailure(verify(committed.text, { chain: rotated(time - 1) }), 'signers', strangersAddress);
    expect((await verify(committed.text, { chain: rotated(time) })).verdict).toBe('PASS');
  });

  it('take a key that was rotated away in the same block, after the batch', async () => {
    const registry: typeof currentKeys = (operator, block) => ({
      ...currentKeys(operator, block),
      ...(block < preparedAt ? {} : { signer: strangersAddress }),
    });
    expect((await verify(committed.text, { chain: modelChain({ ...committed.model, registry }) })).verdict).toBe(
      'PASS',
    );
  });

  describe('where the endpoint has let go of old state', () => {
    const rotation = (block: number, operator: number, from: Hex, to: Hex, until = 0) => ({
      block,
      name: 'OperatorSignerRotated',
      args: [operator, from, to, until],
    });
    const own = (operator: number) => currentKeys(operator, 1).signer;
    const none = '0x' as Hex;
    /** Only the state of the final block is there; operator 2's signer is a stranger's by then. */
    const pruned = (events: readonly RegistryEvent[], now: ReturnType<typeof currentKeys>) =>
      modelChain({
        ...committed.model,
        stateFrom: 11,
        registry: (operator, block) => (operator === 2 ? now : currentKeys(operator, block)),
        registryEvents: (operator) => (operator === 2 ? events : [admission(operator, own(operator))]),
      });
    const strangerNow = { signer: strangersAddress, previousSigner: none, previousSignerUntil: 0 };
    const time = modelBlock(preparedAt).timestamp;

    it('refuse a key that the events say was rotated away before, or whose overlap was ended', async () => {
      const before = pruned([admission(2, own(2)), rotation(2, 2, own(2), strangersAddress)], strangerNow);
      await expectFailure(verify(committed.text, { chain: before }), 'signers', strangersAddress);
      const ended = [
        admission(2, own(2)),
        rotation(1, 2, own(2), strangersAddress, time + 1000),
        { block: 2, name: 'OperatorOverlapEnded', args: [2, 1] },
      ];
      await expectFailure(verify(committed.text, { chain: pruned(ended, strangerNow) }), 'signers', strangersAddress);
    });

    it('know nothing where the events have a gap', async () => {
      for (const events of [[], [admission(2, own(2))], [rotation(4, 2, own(2), strangersAddress)]]) {
        await expect(verify(committed.text, { chain: pruned(events, strangerNow) })).rejects.toThrow(
          'no state of block 3',
        );
      }
    });

    it('take a key that was rotated away later, in the same block, or with an overlap', async () => {
      const overlap = { signer: strangersAddress, previousSigner: own(2), previousSignerUntil: time };
      const cases = [
        pruned([admission(2, own(2)), rotation(4, 2, own(2), strangersAddress)], strangerNow),
        pruned([admission(2, own(2)), rotation(3, 2, own(2), strangersAddress)], strangerNow),
        pruned([admission(2, own(2)), rotation(2, 2, own(2), strangersAddress, time)], overlap),
        pruned([admission(2, own(2))], currentKeys(2, 1)),
      ];
      for (const chain of cases) expect((await verify(committed.text, { chain })).verdict).toBe('PASS');
    });

    it('still fail a signature that is not the signer’s', async () => {
      const forged = changed((bundle) => ({
        ...bundle,
        signatures: { ...bundle.signatures, acceptor: bundle.signatures.initiator },
      }));
      const chain = modelChain({ ...committed.model, stateFrom: 11 });
      await expectFailure(verify(forged, { chain }), 'signatures', 'the acceptor’s signature is not');
    });
  });

  it('ask a signer that is a contract, and believe only the answer that the standard names', async () => {
    const verifier = `0x${'a1'.repeat(20)}` as Hex;
    const withKey = `${verifier}${'b2'.repeat(64)}` as Hex;
    for (const [signer, magic] of [
      [verifier, '0x1626ba7e'],
      [withKey, '0x024ad318'],
    ] as const) {
      const registry: typeof currentKeys = () => ({ signer, previousSigner: '0x' as Hex, previousSignerUntil: 0 });
      const answering = (answer: string | undefined) => {
        const model = modelChain({ ...committed.model, registry });
        const code: typeof model.code = async (to, at) => (to === verifier ? ('0x01' as Hex) : model.code(to, at));
        const call: typeof model.call = async (to, data, at) =>
          to === verifier ? (answer as Hex | undefined) : model.call(to, data, at);
        return { chain: { ...model, call, code } };
      };
      const text = changed((bundle) => ({ ...bundle, signers: { initiator: signer, acceptor: signer } }));
      expect((await verify(text, answering(magic.padEnd(66, '0')))).verdict).toBe('PASS');
      for (const answer of ['0xffffffff'.padEnd(66, '0'), '0x', undefined]) {
        await expectFailure(verify(text, answering(answer)), 'signatures', 'signature is not');
      }
    }
  });
});

describe('decision', () => {
  it('refuses a commit that was an abort, an abort that was a commit, and one that was no decision', async () => {
    const aborted = makeCase({ outcome: 'aborted' });
    const undecided = makeCase({ outcome: 'deadline' });
    const found = {
      committed: 'the pair is committed',
      aborted: 'the pair is aborted',
      undecided: 'the pair is undecided',
    };
    await expectFailure(verify(committed.text, aborted), 'decision', found.aborted);
    await expectFailure(verify(aborted.text, committed), 'decision', found.committed);
    await expectFailure(verify(committed.text, undecided), 'decision', found.undecided);
    await expectFailure(verify(undecided.text, committed), 'decision', 'was committed by its bit');
    await expectFailure(verify(undecided.text, aborted), 'decision', 'was aborted by its bit');
    expect(failedChecks(await verify(committed.text, aborted))).toEqual(['decision', 'contract']);
  });

  it('refuses a deadline that was not past', async () => {
    const undecided = makeCase({ outcome: 'deadline' });
    const { hash, number, timestamp } = modelBlock(10);
    const early = changed(
      (bundle) => ({ ...bundle, decision: { by: 'deadline', status: 'aborted', block: { hash, number, timestamp } } }),
      undecided,
    );
    await expectFailure(verify(early, undecided), 'decision', 'is not past the deadline');
  });

  it('refuses another block than the one of the decision, and another transaction', async () => {
    const { hash, number, timestamp } = modelBlock(decidedAt + 1);
    const later = changed((bundle) => ({
      ...bundle,
      decision: { ...bundle.decision, block: { hash, number, timestamp } },
    }));
    await expectFailure(verify(later), 'decision', 'no PairsDecided');
    const other = changed(
      (bundle) =>
        ({ ...bundle, decision: { ...bundle.decision, transaction: transactionOf('prepare') } }) as EvidenceBundle,
    );
    await expectFailure(verify(other), 'decision', 'was decided in transaction');
  });
});

describe('verifyBundle', () => {
  const cases: [string, CaseOptions][] = [
    ['a committed pair', {}],
    ['an aborted pair', { outcome: 'aborted' }],
    ['a pair that its deadline aborted', { outcome: 'deadline' }],
    ['the acceptor’s record', { legs: ['second'] }],
    ['everything disclosed', { legs: ['first', 'second'], input: { policy: fullPolicy } }],
    ['next to nothing disclosed', { input: { policy: { terms: [], operation: [] } } }],
    ['a batch of one', { count: 1, index: 0 }],
    ['the last of 300', { count: 300, index: 299 }],
    ['a pair on us', { acceptor: 1, legs: ['first', 'second'] }],
  ];
  it.each(cases)('passes %s, with every check', async (_, options) => {
    const pair = makeCase(options);
    const { verdict, checks, statement } = await verify(pair.text, pair);
    expect(checks.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual(checkNames);
    expect(verdict).toBe('PASS');
    expect(statement?.pair).toBe(pair.input.terms.pair);
  });

  it('shows of its user only what the policy hands over', () => {
    const bundle = JSON.parse(committed.text) as EvidenceBundle;
    const shown = bundle.records.first?.filter((entry) => !entry.startsWith('0x'));
    expect(shown?.length).toBe(4);
    expect(Buffer.from(committed.text).toString().includes(Buffer.from('+46701000001').toString('base64url'))).toBe(
      false,
    );
    expect(bundle.records.terms.every((entry) => !entry.startsWith('0x'))).toBe(true);
  });

  it('fails for every changed byte, and names a check', async () => {
    const both = makeCase({ legs: ['first', 'second'] });
    const chain = remembering(both.chain);
    const bytes = Buffer.from(both.text);
    // Another byte of the same kind, so that most changes are still well-formed and reach the later checks.
    const other = (byte: number): number => {
      const character = String.fromCharCode(byte);
      if (/[0-9]/.test(character)) return 0x30 + ((byte - 0x30 + 1) % 10);
      if (/[a-f]/.test(character)) return 0x61 + ((byte - 0x61 + 1) % 6);
      if (/[A-Za-z]/.test(character)) return byte ^ 0x20;
      return byte ^ 0x01;
    };
    const failing = new Map<CheckName, number>();
    for (let position = 0; position < bytes.length; position += 1) {
      const altered = Buffer.from(bytes);
      altered[position] = other(altered[position] ?? 0);
      const result = await verify(altered.toString('utf8'), { chain });
      if (result.verdict !== 'FAIL') throw new Error(`byte ${position} can be changed: ${altered.toString('utf8')}`);
      const [first] = failedChecks(result);
      if (first !== undefined) failing.set(first, (failing.get(first) ?? 0) + 1);
    }
    // Which check stops which part of the bundle: everything but what other checks make certain first.
    expect([...failing.keys()].sort()).toEqual(
      [
        'agreement',
        'batch-id',
        'blocks',
        'commitments',
        'decision',
        'disclosures',
        'form',
        'inclusion',
        'network',
        'prepared',
        'signatures',
        'signers',
      ].sort(),
    );
  }, 120_000);
});

describe('buildBundle', () => {
  it('throws where what is stored does not open what was anchored', () => {
    const { input } = committed;
    const other = { ...input, terms: { ...input.terms, firstAmount: '1' as typeof input.terms.firstAmount } };
    expect(() => buildBundle(other)).toThrow('The stored terms commit to');
    const operations = {
      first: { record: makePair(2, { initiator: 1, acceptor: 2 }).operations.second.record, secret: input.termsSecret },
    };
    expect(() => buildBundle({ ...input, operations })).toThrow('first operation');
    expect(() => buildBundle({ ...input, position: { leaves: [], index: 0 } })).toThrow('no leaf 0');
  });

  it('is the same from all leaves and from a proof made before', () => {
    const bundle = JSON.parse(committed.text) as EvidenceBundle;
    const { leaf, index, proof } = bundle;
    expect(buildBundle({ ...committed.input, position: { leaf, index, proof } })).toBe(committed.text);
    expect(getBytes(bundle.batch.root).length).toBe(32);
  });
});
