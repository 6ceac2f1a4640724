/**
 * What an operator has put on chain, as an audit reads it: the entry in the registry, heads of its journal, and logs that
 * are none. Each is a finding about that operator, and the scan and the evidence of pairs are as without it.
 */
import { describe, expect, it } from 'vitest';
import type { RangeChain } from '../../../operator-node/audit/audit-chain.ts';
import { contractsAt } from '../../../operator-node/audit/contracts.ts';
import { defaultTolerance, type BatchJob } from '../../../operator-node/audit/scan/batch.ts';
import { Findings } from '../../../operator-node/audit/scan/findings.ts';
import { checkHeads } from '../../../operator-node/audit/scan/heads.ts';
import { Pool, Uncheckable } from '../../../operator-node/audit/scan/pool.ts';
import { auditLogInterface, registryInterface } from '../../../operator-node/chain/decode.ts';
import type { Hash, Hex } from '../../../operator-node/model/ids.ts';
import { addresses, blockHash, Consortium, network, scanOf, textOf } from '../audit-scan.fixture.ts';
import { outputsOf } from './chain.ts';
import { encodeStruct, extremesOf, hexOf } from './values.ts';

const fields = outputsOf('OperatorRegistry', 'operator');
const hostile = 2;
const AuditLog = `0x${'ad'.repeat(20)}`;

function books(): Consortium {
  const made = new Consortium();
  made.add([{ amount: '100' }], { initiator: 1, acceptor: hostile });
  made.add([{ amount: '700' }], { initiator: 1, acceptor: 3 });
  return made;
}

/** The registry answers so about the hostile operator. */
const withEntry = (made: Consortium, entry: string): RangeChain => {
  const honest = made.chain();
  const asked = registryInterface.encodeFunctionData('operator', [hostile]);
  return {
    ...honest,
    call: (to, data, at) => (data === asked ? Promise.resolve(entry as Hex) : honest.call(to, data, at)),
  };
};

describe('an entry of the registry', () => {
  it.each(fields.map((field) => [field.name, field] as const))(
    '%s: an extreme is no end of the scan',
    async (name, { type }) => {
      const made = books();
      const plain = await scanOf(made, { operators: [1, 2, 3] });
      for (const extreme of extremesOf(type)) {
        const entry = hexOf(encodeStruct(fields, new Map([[name, extreme.bytes]])));
        const { findings, ...result } = await scanOf(made, { operators: [1, 2, 3], chain: withEntry(made, entry) });
        const where = `${name} = ${extreme.name}`;
        expect(result.totals, where).toEqual(plain.totals);
        expect(result.positions, where).toEqual(plain.positions);
        expect(
          result.operators.filter(({ operator }) => operator !== hostile),
          where,
        ).toEqual(plain.operators.filter(({ operator }) => operator !== hostile));
        expect(
          findings.list.filter(({ evidence }) => evidence['operator'] !== hostile),
          where,
        ).toEqual([]);
      }
    },
  );

  it('that is no text is a finding about that operator', async () => {
    const made = books();
    const entry = hexOf(encodeStruct(fields, new Map([['endpoint', Uint8Array.of(0xff, 0xfe)]])));
    const { findings, operators } = await scanOf(made, { operators: [1, 2, 3], chain: withEntry(made, entry) });
    expect(findings.list).toMatchObject([
      { code: 'operator-unreadable', evidence: { operator: hostile, fields: 'endpoint' } },
    ]);
    expect(operators.find(({ operator }) => operator === hostile)).toMatchObject({ handle: 'plain', batches: 1 });
  });

  it('keeps who signed readable, whatever else stands in it', async () => {
    const made = books();
    const signer = new Uint8Array(20).fill(0xdd);
    const poison = new Map<string, Uint8Array>(
      ['handle', 'endpoint'].map((name) => [name, Uint8Array.of(0xff, 0xfe)] as const),
    ).set('signer', signer);
    const contracts = contractsAt(withEntry(made, hexOf(encodeStruct(fields, poison))), addresses);
    expect(await contracts.signerOf(hostile, blockHash(2))).toMatchObject({ signer: hexOf(signer) });
  });

  it.each(['0x', `0x${'ff'.repeat(64)}`])('that is %s is no end of the scan', async (entry) => {
    const made = books();
    const { operators } = await scanOf(made, { operators: [1, 2, 3], chain: withEntry(made, entry) });
    expect(operators.map(({ handle }) => handle)).toEqual(['operator-1', '', 'operator-3']);
  });
});

describe('heads of a journal', () => {
  const logOf = (name: string, args: readonly unknown[], blockNumber: number) => {
    const { topics, data } = auditLogInterface.encodeEventLog(name, args);
    return {
      address: AuditLog,
      topics: topics as Hash[],
      data: data as Hex,
      transactionHash: blockHash(1),
      blockNumber,
    };
  };
  const head = (operator: number, entry: bigint, block: number) =>
    logOf('JournalCheckpoint', [operator, entry, blockHash(0)], block);
  const found = async (logs: readonly ReturnType<typeof logOf>[], from = network.firstBlock) => {
    const findings = new Findings();
    const chain: RangeChain = { ...books().chain(), range: () => Promise.resolve(logs) };
    await checkHeads(chain, { ...network, contracts: { ...addresses, AuditLog } }, { from, to: 9 }, findings);
    return findings.list.map(({ code, evidence }) => [code, evidence['operator'], evidence['entry']]);
  };

  it.each([2n ** 53n, 2n ** 64n - 1n, 65_537n])('of entry %s at once is a finding', async (entry) => {
    expect(await found([head(1, 5n, 2), head(hostile, entry, 3), head(1, 9n, 4)])).toEqual([
      ['journal-head-implausible', hostile, `${entry}`],
    ]);
  });

  it('are judged from the first one on where older ones are not read', async () => {
    expect(await found([head(hostile, 70_000n, 3), head(hostile, 80_000n, 4)], 2)).toEqual([]);
    expect(await found([head(hostile, 2n ** 53n, 3)], 2)).toHaveLength(1);
  });

  it('go on from where they were taken back to', async () => {
    const disowned = logOf('JournalHeadsDisowned', [hostile, 60_000, 100], 4);
    expect(await found([head(hostile, 60_000n, 3), disowned, head(hostile, 200n, 5)])).toEqual([]);
  });

  it('that are no logs of the contract are passed over', async () => {
    const cut = { ...head(hostile, 5n, 3), data: '0x' as Hex };
    expect(await found([cut, head(1, 5n, 4)])).toEqual([]);
  });
});

describe('the settlement contract’s logs', () => {
  it('of which one is none are a finding, and the others are read', async () => {
    const made = books();
    const honest = made.chain();
    const chain: RangeChain = {
      ...honest,
      range: async (address, from, to) => {
        const [first, ...others] = await honest.range(address, from, to);
        if (first === undefined) return others;
        return [{ ...first, data: '0x' as Hex }, first, ...others];
      },
    };
    const plain = await scanOf(made, { operators: [1, 2, 3] });
    const { findings, totals } = await scanOf(made, { operators: [1, 2, 3], chain });
    expect(totals).toEqual(plain.totals);
    expect(findings.counts).toEqual({ 'chain-inconsistent': 1 });
  });
});

describe('a section that no check comes to the end of', () => {
  it('takes nobody else’s with it', { timeout: 60_000 }, async () => {
    await using pool = new Pool(1);
    const batch = { ordinal: 0, count: 1, decisions: [], attestations: [], initiator: 1, acceptor: 3, deadline: 1 };
    const job = (count: number): BatchJob => ({
      batch: { ...batch, count } as unknown as BatchJob['batch'],
      final: { number: 9, time: 9 },
      sections: [],
      tolerance: defaultTolerance,
    });
    const results = await Promise.allSettled([pool.check(job(1)), pool.check(job(2 ** 40)), pool.check(job(1))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(Uncheckable);
    await expect(pool.check(job(1))).resolves.toMatchObject({ pairs: 1 });
  });

  const mebibyte = 1_048_576;
  it.each([
    ['nothing but line feeds', () => '\n'.repeat(64 * mebibyte)],
    ['one line without end', () => `${'['.repeat(64 * mebibyte)}\n`],
    ['lists of empty lists', () => `[${'[],'.repeat(87_000)}0]\n`.repeat(400)],
    ['pair lines of very many postings', () => `${pairLineWith(2_000)}\n`.repeat(300)],
  ])('that is %s leaves the others as they are', { timeout: 120_000 }, async (_, body) => {
    const made = books();
    const plain = await scanOf(made, { operators: [1, 2, 3] });
    const text = (file: string): string => {
      const [header = '', batch = ''] = file.split('\n');
      const section = body();
      return `${header}\n${batch.replace(/"bytes":[0-9]+/, `"bytes":${section.length}`)}\n${section}{"batches":1,"pairs":1,"positions":[],"type":"end"}\n`;
    };
    const result = await scanOf(made, { operators: [1, 2, 3], text: { [hostile]: text }, request: { threads: 1 } });
    expect(result.totals).toEqual(plain.totals);
    expect(result.operators.find(({ operator }) => operator === 3)).toEqual(
      plain.operators.find(({ operator }) => operator === 3),
    );
    expect(result.findings.list.filter(({ evidence }) => evidence['operator'] === hostile)).not.toEqual([]);
    expect(result.findings.list.filter(({ evidence }) => evidence['operator'] === 3)).toEqual([]);
  });

  /** A line of the form of a pair line, as long as one may be. */
  function pairLineWith(postings: number): string {
    const made = books();
    const line = JSON.parse(textOf(made.file(hostile)).split('\n')[2] ?? '') as { postings: object[] };
    return JSON.stringify({ ...line, postings: Array.from({ length: postings }, () => line.postings[0]) });
  }
});
