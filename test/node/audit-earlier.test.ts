/** Scans of ranges apart: what stood in an earlier one is known in the next, and nothing of it is taken for new. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { EarlierScans } from '../../operator-node/audit/scan/earlier.ts';
import type { ScanResult } from '../../operator-node/audit/scan/scan.ts';
import { readState, writeState } from '../../operator-node/audit/scan/state.ts';
import type { PairId } from '../../operator-node/model/ids.ts';
import { codesOf, Consortium, network, scanOf, temporaryFolder, type Planted } from './audit-scan.fixture.ts';

let made: Consortium;
let file: string;
beforeEach(() => {
  made = new Consortium();
  file = join(temporaryFolder(), 'state.json');
});

/** As `tandem audit scan --state FILE` does. */
async function scanOn(planted: Planted = {}): Promise<ScanResult> {
  const state = readState(file);
  await using earlier = await EarlierScans.open(file, state, network);
  const result = await scanOf(made, {
    ...planted,
    request: { ...planted.request, earlier, ...(state === undefined ? {} : { state }) },
  });
  if (result.state !== undefined) writeState(file, result.state);
  return result;
}

const pairOf = (batch: number, index: number): PairId => {
  const pair = made.batches[batch]?.pairs[index]?.pair;
  if (pair === undefined) throw new Error(`no pair ${index} of batch ${batch}`);
  return pair;
};
const refund = (amount: string, reverses: PairId) => ({ service: 'refund', amount, reverses });
const back = { initiator: 2, acceptor: 1 };

describe('a scan after another', () => {
  it('refuses blocks that would leave some out', async () => {
    made.add([{}]);
    await scanOn();
    made.add([{}]);
    await expect(scanOn({ request: { from: made.lastBlock } })).rejects.toThrow('would skip some');
    await expect(scanOn({ request: { to: 2 } })).rejects.toThrow('would skip some');
  });

  it('finds a pair that stood in an earlier range', async () => {
    made.add([{}, {}]);
    expect(codesOf(await scanOn())).toEqual([]);
    made.add([{}]);
    expect(codesOf(await scanOn())).toEqual([]);
    made.add([{}, { number: 2 }]);
    const { findings, totals } = await scanOn();
    expect(totals.batches).toBe(1);
    expect(Object.keys(findings.counts)).toEqual(['pair-twice', 'posting-shared']);
    expect(findings.list[0]).toMatchObject({
      sentence: expect.stringMatching(
        /^the pairId of pair 1 of batch 3 of 1 to 2 stands also at pair 1 of batch 1 of 1 to 2, seen by an earlier scan$/,
      ) as string,
      evidence: { index: 1, otherBatch: made.batches[0]?.batchId },
    });
  });

  it('finds a posting that was shown for a pair of an earlier range', async () => {
    made.add([{}]);
    await scanOn();
    made.add([{}]);
    const { findings } = await scanOn({
      file: {
        2: ({ sections }) => {
          const [old, now] = sections.map(({ pairs }) => pairs[0]?.postings[0]);
          if (old !== undefined && now !== undefined) Object.assign(now, { id: old.id });
        },
      },
    });
    expect(findings.counts).toEqual({ 'posting-shared': 1 });
  });

  it('adds up refunds over all ranges', async () => {
    made.add([{ amount: '250' }, { amount: '100' }]);
    await scanOn();
    made.add([refund('125', pairOf(0, 0))], back);
    expect(codesOf(await scanOn())).toEqual([]);
    made.add([refund('125', pairOf(0, 0)), refund('100', pairOf(0, 1))], back);
    expect(codesOf(await scanOn())).toEqual([]);
    made.add([refund('1', pairOf(0, 0))], back);
    const { findings } = await scanOn();
    expect(findings.counts).toEqual({ 'refund-exceeds': 1 });
    expect(findings.list[0]?.evidence).toMatchObject({ pair: pairOf(0, 0), refunded: '251', moved: '250' });
  });

  it('knows of an original in an earlier range whether it was committed, and who paid', async () => {
    made.add([{ ending: 'abort' }, {}, { service: 'request' }]);
    await scanOn();
    made.add([refund('1', pairOf(0, 0)), refund('1', pairOf(0, 2))], back);
    made.add([refund('1', pairOf(0, 1)), refund('1', pairOf(0, 2))]);
    const { findings } = await scanOn();
    expect(findings.list.map(({ sentence }) => sentence.replace(/^\S+ \S+ refunds \S+, /, ''))).toEqual([
      'which was not committed',
      'which was between other operators, or the same way',
      'which was between other operators, or the same way',
    ]);
  });

  it('takes what it looks at again for no second time, nor the refunds in it', async () => {
    made.add([{}, { amount: '10' }]);
    await scanOn();
    const open = made.add([{ ending: 'open' }]);
    made.add([refund('10', pairOf(0, 1))], back);
    expect((await scanOn()).state?.next).toBe(open.preparedBlock);
    made.lastBlock += 30;
    made.attest(open);
    const { findings, totals } = await scanOn();
    expect(totals.batches).toBe(2);
    expect(findings.list).toEqual([]);
  });

  it('goes on after one that was cut off before it wrote its state', async () => {
    made.add([{}]);
    await scanOn();
    renameSync(file, `${file}.kept`);
    writeState(file, readState(`${file}.kept`) ?? fail());
    made.add([{}]);
    await scanOn();
    renameSync(`${file}.kept`, file);
    expect(codesOf(await scanOn())).toEqual([]);
  });

  it('looks again at a batch whose disclosure was too old to judge', async () => {
    const batch = made.add([{}]);
    const first = await scanOn({
      asOf: batch.preparedBlock,
      file: { 1: ({ sections }) => void Object.assign(sections[0]?.pairs[0] ?? {}, { postings: [] }) },
    });
    expect(codesOf(first)).toEqual(['disclosure-stale']);
    const second = await scanOn();
    expect(second.totals.batches).toBe(1);
    expect(second.findings.list).toEqual([]);
  });
});

const fail = (): never => {
  throw new Error('no state');
};

describe('EarlierScans.open', () => {
  const opened = async (chainId = network.chainId): Promise<void> => {
    await using _ = await EarlierScans.open(file, readState(file), { ...network, chainId });
  };

  it.each([
    ['is not there', () => rmSync(`${file}.index`, { recursive: true }), 'the folder is not there'],
    ['is there without its state', () => rmSync(file), 'there is no such file'],
    [
      'is older than the state',
      () => {
        const state = readState(file) ?? fail();
        writeState(file, { ...state, last: { ...state.last, number: state.last.number + 1 } });
      },
      'the folder of',
    ],
    [
      'has another block of that number',
      () => {
        const state = readState(file) ?? fail();
        writeState(file, { ...state, last: { ...state.last, hash: `0x${'77'.repeat(32)}` as never } });
      },
      'different blocks',
    ],
  ])('refuses a folder that %s', async (_, spoil, why) => {
    made.add([{}]);
    await scanOn();
    await opened();
    spoil();
    await expect(opened()).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining(why) as string,
    });
  });

  it('refuses one of another network, and one that is in use', async () => {
    made.add([{}]);
    await scanOn();
    await expect(opened('1')).rejects.toThrow('is of chain 20261123');
    await using _ = await EarlierScans.open(file, readState(file), network);
    await expect(opened()).rejects.toThrow('cannot be opened');
  });
});
