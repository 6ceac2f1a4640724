/** The scan of a range of blocks: nothing is found where all is well, and every planted fraud is found and named. */
import { describe, expect, it } from 'vitest';
import type { PairLine } from '../../operator-node/audit/disclosures/lines.ts';
import { exitCodeOf, type FindingCode } from '../../operator-node/audit/scan/findings.ts';
import type { ScanResult } from '../../operator-node/audit/scan/scan.ts';
import { disclose } from '../../operator-node/commitment/disclosure.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import {
  blockHash,
  codesOf,
  Consortium,
  scanOf,
  timeOf,
  type DisclosureLines,
  type Planted,
} from './audit-scan.fixture.ts';

/** Two batches there, one back, one on us; some pairs aborted, some expired. */
function consortium(): Consortium {
  const made = new Consortium();
  made.add([{}, { ending: 'abort' }, { service: 'request', amount: '7' }, { amount: '250' }]);
  made.add([{ amount: '1' }, { service: 'buy', amount: '99' }], { initiator: 2, acceptor: 1 });
  made.add([{}, { amount: '5' }], { initiator: 1, acceptor: 1 });
  made.add([{ ending: 'expire' }, {}]);
  return made;
}

type Line = { -readonly [K in keyof PairLine]: PairLine[K] };
const lineAt = (lines: DisclosureLines, section: number, index: number): Line => {
  const line = lines.sections[section]?.pairs[index];
  if (line === undefined) throw new Error(`no pair ${index} in section ${section}`);
  return line;
};

/** One finding with that code, and which operator and pair it names. */
function only(result: ScanResult, ...codes: FindingCode[]): ScanResult['findings']['list'][number] {
  expect(codesOf(result)).toEqual([...codes].sort());
  const found = result.findings.list.find(({ code }) => code === codes[0]);
  if (found === undefined) throw new Error('nothing was found');
  return found;
}

describe('scan', () => {
  it('finds nothing where both tell all, and counts it', async () => {
    const result = await scanOf(consortium());
    expect(result.findings.list).toEqual([]);
    expect(exitCodeOf(result.findings)).toBe(0);
    expect(result.totals).toEqual({ batches: 4, pairs: 10, committed: 8, aborted: 2, expired: 1, open: 0 });
    expect(result.services).toEqual({ pay: 6, request: 1, buy: 1 });
    // 12000 − 7 + 250 + 12000 that 1 owes 2, less 1 + 99 that 2 owes 1.
    expect(result.positions).toEqual([
      { operator: 1, counterparty: 2, asset: 'SEK', signed: '24143', posted: '24143', stated: '24143' },
      { operator: 2, counterparty: 1, asset: 'SEK', signed: '-24143', posted: '-24143', stated: '-24143' },
    ]);
  });

  it('finds the same with threads', async () => {
    const made = consortium();
    const threaded = await scanOf(made, { request: { threads: 2 } });
    const alone = await scanOf(made);
    expect({ ...threaded, inputs: [], findings: threaded.findings.list }).toEqual({
      ...alone,
      inputs: [],
      findings: [],
    });
  });

  it('says who is late, and by how much', async () => {
    const made = consortium();
    const result = await scanOf(made, {
      file: {
        2: (lines) =>
          void (lineAt(lines, 0, 0).postings = [
            { ...lineAt(lines, 0, 0).postings[0], booked: '2026-09-22T00:00:00Z' } as PairLine['postings'][number],
          ]),
      },
    });
    const found = only(result, 'posted-late', 'attested-early');
    expect(found.evidence).toMatchObject({
      operator: 2,
      index: 0,
      seconds: Date.parse('2026-09-22T00:00:00Z') / 1000 - timeOf(3),
    });
    expect(exitCodeOf(result.findings)).toBe(1);
  });

  it('says that a section is too old to judge, and does not call it fraud', async () => {
    const result = await scanOf(consortium(), {
      asOf: 2,
      file: { 1: (lines) => void (lineAt(lines, 0, 0).postings = []) },
      request: { to: 2 },
    });
    expect(only(result, 'disclosure-stale').evidence).toMatchObject({ operator: 1 });
  });

  it('names the operator of whom there is no file', async () => {
    expect(only(await scanOf(consortium(), { operators: [1] }), 'disclosures-missing').evidence).toMatchObject({
      operator: 2,
      batches: 3,
    });
  });

  it('goes on where the last scan ended, and looks again at what had not ended then', async () => {
    const made = new Consortium();
    made.add([{}]);
    const batch = made.add([{ ending: 'open' }]);
    const first = await scanOf(made);
    expect(first.totals).toMatchObject({ batches: 2, open: 1 });
    expect(first.state).toMatchObject({
      next: batch.preparedBlock,
      lanes: [{ initiator: 1, acceptor: 2, sequence: 1 }],
    });
    made.lastBlock += 30;
    made.attest(batch);
    made.add([{}]);
    if (first.state === undefined) throw new Error('no state');
    const second = await scanOf(made, { request: { state: first.state } });
    expect(second.findings.list).toEqual([]);
    expect(second.totals).toMatchObject({ batches: 2, open: 0, aborted: 1, committed: 1 });
  });

  it('refuses a block that is not final, and a range with nothing in it', async () => {
    await expect(scanOf(consortium(), { request: { to: 10_000 } })).rejects.toMatchObject({ code: 'unprocessable' });
    await expect(scanOf(consortium(), { request: { from: 9, to: 8 } })).rejects.toMatchObject({
      code: 'unprocessable',
    });
  });
});

interface Fraud {
  readonly name: string;
  readonly plant: Planted | ((made: Consortium) => Planted);
  readonly make?: () => Consortium;
  /** The first one names it; the others follow from it. */
  readonly codes: readonly [FindingCode, ...FindingCode[]];
  readonly evidence?: Readonly<Record<string, string | number>>;
}

const posting = (
  lines: DisclosureLines,
  section: number,
  index: number,
  change: Partial<PairLine['postings'][number]>,
): void => {
  const line = lineAt(lines, section, index);
  line.postings = line.postings.map((entry) => ({ ...entry, ...change }));
};

const frauds: readonly Fraud[] = [
  {
    name: 'a pair missing from one operator’s disclosures',
    plant: { file: { 2: (lines) => void lines.sections[0]?.pairs.splice(2, 1) } },
    // What it leaves out it also leaves out of its stated position.
    codes: ['pair-missing', 'position-differs'],
    evidence: { operator: 2, index: 2, sequence: 1 },
  },
  {
    name: 'a batch withheld from the disclosures',
    plant: { file: { 1: (lines) => void lines.sections.splice(1, 1) } },
    codes: ['batch-withheld'],
    evidence: { operator: 1, initiator: 2, acceptor: 1 },
  },
  {
    name: 'a batch withheld from the events',
    plant: (made) => ({ chain: made.chain({ drop: ({ args }) => args[0] === made.batches[0]?.batchId }) }),
    codes: ['sequence-gap', 'chain-inconsistent'],
    evidence: { initiator: 1, acceptor: 2, expected: 1 },
  },
  {
    name: 'the last batch of a lane withheld from the events',
    plant: (made) => ({ chain: made.chain({ drop: ({ args }) => args[0] === made.batches[3]?.batchId }) }),
    codes: ['sequence-gap', 'chain-inconsistent'],
  },
  {
    name: 'a decision withheld from the events',
    plant: (made) => ({
      chain: made.chain({ drop: ({ name, args }) => name === 'PairsDecided' && args[0] === made.batches[1]?.batchId }),
    }),
    codes: ['chain-inconsistent'],
  },
  {
    name: 'one pair in two batches',
    make: () => {
      const made = consortium();
      made.add([{ number: 1 }]);
      return made;
    },
    plant: {},
    codes: ['pair-twice', 'posting-shared'],
    evidence: { index: 0 },
  },
  {
    name: 'one operation commitment under two pairs',
    make: () => {
      const made = consortium();
      const stolen = made.batches[0]?.pairs[0]?.leaf.second;
      if (stolen !== undefined) made.add([{ secondCommitment: stolen }]);
      return made;
    },
    plant: {},
    codes: ['commitment-twice', 'commitment-unopenable'],
  },
  {
    name: 'a disclosure in another field’s place',
    plant: {
      file: {
        1: (lines) => {
          const line = lineAt(lines, 0, 0);
          const terms = [...line.terms];
          [terms[3], terms[5]] = [terms[5] ?? '', terms[3] ?? ''];
          line.terms = terms;
        },
      },
    },
    codes: ['disclosure-misplaced'],
    evidence: { operator: 1, field: 'firstAmount' },
  },
  {
    name: 'a second amount in the place of another field',
    plant: {
      file: {
        1: (lines) => {
          const line = lineAt(lines, 0, 0);
          const first = [...(line.first ?? [])];
          first[10] = disclose(`0x${'11'.repeat(32)}` as Hash, 'amount', '1');
          line.first = first;
        },
      },
    },
    codes: ['disclosure-misplaced'],
    evidence: { operator: 1, field: 'detail' },
  },
  {
    name: 'an unreferenced disclosure: one more than the schema has',
    plant: {
      file: {
        1: (lines) => {
          const line = lineAt(lines, 0, 0);
          line.first = [...(line.first ?? []), disclose(`0x${'11'.repeat(32)}` as Hash, 'amount', '1')];
        },
      },
    },
    codes: ['file-malformed', 'pair-missing', 'position-differs'],
    evidence: { operator: 1, line: 0 },
  },
  {
    name: 'a commitment that its owner cannot open',
    plant: {
      file: {
        2: (lines) => {
          const line = lineAt(lines, 0, 0);
          line.second = (line.second ?? []).map((entry, at) =>
            at === 8 ? disclose(`0x${'11'.repeat(32)}` as Hash, 'amount', '12000') : entry,
          );
        },
      },
    },
    codes: ['commitment-unopenable'],
    evidence: { operator: 2, index: 0 },
  },
  {
    name: 'an amount changed on one side, by both signatures',
    make: () => {
      const made = consortium();
      made.add([{ second: { amount: '11999' } }]);
      return made;
    },
    plant: {},
    codes: ['amount-differs', 'attestation-mismatch', 'position-differs'],
    evidence: { operator: 2, found: '11999', expected: '12000' },
  },
  {
    name: 'a leaf changed',
    plant: {
      file: {
        2: (lines) =>
          void (lineAt(lines, 0, 3).leaf = { ...lineAt(lines, 0, 3).leaf, first: `0x${'22'.repeat(32)}` as Hash }),
      },
    },
    codes: ['leaf-differs'],
    evidence: { operator: 2, index: 3 },
  },
  {
    name: 'an execution against the decision',
    plant: {
      file: {
        1: (lines) =>
          void (lineAt(lines, 0, 1).postings = lineAt(lines, 0, 0).postings.map((entry) => ({
            ...entry,
            id: 'another',
          }))),
      },
    },
    codes: ['executed-against-decision', 'attestation-mismatch', 'position-differs'],
    evidence: { operator: 1, index: 1, posting: 'another' },
  },
  {
    name: 'an expired pair executed',
    plant: {
      file: {
        1: (lines) =>
          void (lineAt(lines, 3, 0).postings = lineAt(lines, 0, 0).postings.map((entry) => ({
            ...entry,
            id: 'another',
          }))),
      },
    },
    codes: ['executed-though-expired', 'attestation-mismatch', 'position-differs'],
    evidence: { operator: 1, index: 0, posting: 'another' },
  },
  {
    name: 'a posting missing',
    plant: { file: { 2: (lines) => void (lineAt(lines, 0, 0).postings = []) } },
    codes: ['posting-missing', 'attestation-mismatch', 'position-differs'],
    evidence: { operator: 2, index: 0 },
  },
  {
    name: 'a posting doubled',
    plant: {
      file: {
        2: (lines) =>
          void (lineAt(lines, 0, 0).postings = [0, 1].flatMap((n) =>
            lineAt(lines, 0, 0).postings.map((entry) => ({ ...entry, id: `${entry.id}${n}` })),
          )),
      },
    },
    codes: ['posting-doubled', 'position-differs'],
    evidence: { operator: 2, index: 0, postings: 2 },
  },
  {
    name: 'one posting shown for two pairs',
    plant: { file: { 1: (lines) => posting(lines, 3, 1, { id: lineAt(lines, 0, 0).postings[0]?.id ?? '' }) } },
    codes: ['posting-shared'],
  },
  {
    name: 'a posting of another amount',
    plant: { file: { 2: (lines) => posting(lines, 0, 0, { amount: '11999' }) } },
    codes: ['posting-differs', 'attestation-mismatch', 'position-differs'],
    evidence: { operator: 2, index: 0, found: '11999' },
  },
  {
    name: 'a debit booked as a credit',
    plant: { file: { 1: (lines) => posting(lines, 0, 0, { amount: '12000' }) } },
    codes: ['posting-differs', 'position-differs'],
    evidence: { operator: 1, index: 0 },
  },
  {
    name: 'a position off by one minor unit',
    plant: {
      file: {
        2: (lines) => {
          lines.end = {
            type: 'end',
            batches: 3,
            pairs: 8,
            positions: [{ operator: 1 as never, asset: 'SEK' as never, amount: '-24142' }],
          };
        },
      },
    },
    codes: ['position-differs'],
    evidence: { operator: 2, counterparty: 1, posted: '-24143', stated: '-24142' },
  },
  {
    name: 'a swapped leg',
    make: () => {
      const made = consortium();
      made.add([{ first: { leg: 'second', operator: '2' }, second: { leg: 'first', operator: '1' } }]);
      return made;
    },
    plant: {},
    codes: ['leg-swapped'],
    evidence: { leg: 'first', found: 'second' },
  },
  {
    name: 'actions that are not those of the service',
    make: () => {
      const made = consortium();
      made.add([{ first: { action: 'credit' }, second: { action: 'debit' } }]);
      return made;
    },
    plant: {},
    codes: ['action-contradicts', 'position-differs'],
  },
  {
    name: 'terms of another deadline than the batch',
    make: () => {
      const made = consortium();
      made.add([{ terms: { deadline: '1890000000' } }]);
      return made;
    },
    plant: {},
    codes: ['terms-contradict'],
    evidence: { field: 'deadline', found: '1890000000' },
  },
  {
    name: 'refunds above the original, each of them small enough',
    make: () => {
      const made = consortium();
      const original = made.batches[0]?.pairs[3]?.pair;
      const refund = { service: 'refund', amount: '126', ...(original === undefined ? {} : { reverses: original }) };
      made.add([refund, refund], { initiator: 2, acceptor: 1 });
      return made;
    },
    plant: {},
    codes: ['refund-exceeds'],
    evidence: { refunded: '252', moved: '250' },
  },
  {
    name: 'a refund of a pair that was aborted',
    make: () => {
      const made = consortium();
      const original = made.batches[0]?.pairs[1]?.pair;
      made.add([{ service: 'refund', amount: '1', ...(original === undefined ? {} : { reverses: original }) }], {
        initiator: 2,
        acceptor: 1,
      });
      return made;
    },
    plant: {},
    codes: ['refund-unfounded'],
  },
  {
    name: 'a refund of a pair that nobody has seen',
    make: () => {
      const made = consortium();
      made.add([{ service: 'refund', amount: '1', reverses: '0190a1b2-c3d4-7e5f-8a9b-ffffffffffff' as never }], {
        initiator: 2,
        acceptor: 1,
      });
      return made;
    },
    plant: {},
    codes: ['refund-original-unseen'],
  },
  {
    name: 'attestations that differ',
    make: () => {
      const made = consortium();
      const batch = made.add([{ ending: 'open' }]);
      made.lastBlock += 30;
      made.attest(batch, { 2: `0x${'33'.repeat(32)}` as Hash });
      return made;
    },
    plant: {},
    codes: ['attestations-differ', 'attestation-mismatch'],
  },
  {
    name: 'no attestation long after the end',
    make: () => {
      const made = consortium();
      made.add([{ ending: 'open' }]);
      made.lastBlock += 200;
      return made;
    },
    plant: {},
    codes: ['attestation-missing'],
  },
  {
    name: 'another secret of the batch',
    plant: {
      file: {
        2: (lines) => {
          for (const section of lines.sections.slice(0, 1))
            section.head = { ...section.head, secret: `0x${'44'.repeat(32)}` as Hash };
        },
      },
    },
    codes: ['secret-differs', 'attestation-mismatch'],
  },
  {
    name: 'a file from another chain',
    plant: { file: { 2: (lines) => void (lines.header = { ...lines.header, chainId: '1' }) } },
    codes: ['foreign-file', 'batch-withheld'],
    evidence: { operator: 2, chainId: '1' },
  },
  {
    name: 'a file from a look-alike contract',
    plant: { file: { 2: (lines) => void (lines.header = { ...lines.header, contract: `0x${'66'.repeat(20)}` }) } },
    codes: ['foreign-file', 'disclosures-missing'],
    evidence: { operator: 2 },
  },
  {
    name: 'a rewritten history',
    plant: (made) => ({
      request: {
        state: {
          format: 'tandem/scan-state/2',
          chainId: '20261123',
          contract: `0x${'5e'.repeat(20)}`,
          last: { number: 3, hash: `0x${'77'.repeat(32)}` as Hash },
          next: 1,
          lanes: made.batches.slice(0, 0).map(() => ({ initiator: 1, acceptor: 2, sequence: 0 })),
        },
      },
    }),
    codes: ['history-rewritten'],
    evidence: { block: 3, found: blockHash(3) },
  },
  {
    name: 'an endpoint that tells another history',
    plant: (made) => ({
      chains: [
        made.chain(),
        made.chain({
          methods: {
            block: async (at) => ({
              number: typeof at === 'number' ? at : made.lastBlock,
              hash: `0x${'88'.repeat(32)}` as Hash,
              parentHash: blockHash(1),
              timestamp: 1,
            }),
          },
        }),
      ],
    }),
    codes: ['endpoints-disagree'],
  },
  {
    name: 'a look-alike contract behind the endpoint',
    plant: (made) => ({ chain: made.chain({ methods: { code: async () => '0x6001' as never } }) }),
    codes: ['wrong-network'],
  },
  {
    name: 'a file cut short',
    plant: { text: { 1: (text) => text.slice(0, text.lastIndexOf('{')) } },
    codes: ['file-malformed'],
  },
  {
    name: 'a line that is not canonical',
    plant: {
      text: { 1: (text) => text.replace('"amount":"-12000","asset":"SEK"', '"asset":"SEK","amount":"-12000"') },
    },
    codes: ['file-malformed', 'pair-missing', 'position-differs'],
  },
];

describe('scan, where something is planted', () => {
  it.each(frauds.map((fraud) => [fraud.name, fraud] as const))(
    'finds %s',
    async (_, { plant, make = consortium, codes, evidence = {} }) => {
      const made = make();
      const result = await scanOf(made, typeof plant === 'function' ? plant(made) : plant);
      expect(only(result, ...codes).evidence).toMatchObject(evidence);
      expect(exitCodeOf(result.findings)).not.toBe(0);
    },
  );
});
