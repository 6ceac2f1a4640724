/** AuditLog as a node sees it: the call, its event in the logs of a block, its state, and the check of its code. */
import { describe, expect, it } from 'vitest';
import { auditLogCalls, describeRevert } from '../../operator-node/chain/calls.ts';
import { auditLogInterface } from '../../operator-node/chain/decode.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import { openAuditLog } from './audit-log.fixture.ts';

const headOf = (digit: string): Hash => `0x${digit.repeat(64)}` as Hash;

describe('AuditLog', () => {
  it('is refused with other code than network.json says', async () => {
    const { network, readerOf } = await openAuditLog();
    await expect(
      readerOf({ ...network, codeHashes: { ...network.codeHashes, AuditLog: headOf('1') } }).checkNetwork(),
    ).rejects.toMatchObject({ code: 'network-mismatch', message: expect.stringContaining('AuditLog') });
    await readerOf(network).checkNetwork();
  });

  it('takes a checkpoint within its gas limit; the event and the state are read back', async () => {
    const { chain, AuditLog, network, readerOf } = await openAuditLog();
    const reader = readerOf(network);
    const { id, account } = chain.aurora;
    const before = await reader.finalHead();
    expect(await reader.lastCheckpoint(id, before.hash)).toBeUndefined();
    const calls = auditLogCalls(AuditLog);
    for (const [entry, digit] of [
      [7, 'a'],
      [65_543, 'b'],
    ] as const) {
      const call = calls.checkpoint(id, [{ entry, head: headOf(digit) }]);
      const { gasUsed, blockHash } = await chain.act(account, call.to, call.data);
      expect(BigInt(gasUsed)).toBeLessThan(call.gasLimit);
      expect(await reader.logs(blockHash)).toMatchObject([
        { type: 'JournalCheckpoint', operator: id, entry, head: headOf(digit) },
      ]);
      expect(await reader.lastCheckpoint(id, blockHash)).toMatchObject({ entry, head: headOf(digit) });
    }
  });

  it.each([1, 2, 3, 32])(
    'asks for little more gas than a backlog of %i heads takes, first and later',
    async (count) => {
      const { chain, AuditLog, network, readerOf } = await openAuditLog();
      const { id, account } = chain.aurora;
      const calls = auditLogCalls(AuditLog);
      // What costs most: the first head ever, from an account that is being rotated out.
      const until = (await chain.reader().head()).timestamp + 1000;
      await chain.registry(chain.aurora.controller, 'rotateAccount', id, chain.stranger.address, until);
      for (const [before, room] of [
        [0, 1.1],
        [count, 2],
      ] as const) {
        const heads = Array.from({ length: count }, (_, index) => ({
          entry: (before + index + 1) * 65_536,
          head: `0x${(before + index + 1).toString(16).padStart(64, 'f')}` as Hash,
        }));
        const call = calls.checkpoint(id, heads);
        const { gasUsed, blockHash } = await chain.act(account, call.to, call.data);
        expect(BigInt(gasUsed)).toBeLessThan(call.gasLimit);
        expect(Number(call.gasLimit)).toBeLessThan(room * Number(gasUsed));
        expect(await readerOf(network).logs(blockHash)).toMatchObject(
          heads.map((head) => ({ type: 'JournalCheckpoint', operator: id, ...head })),
        );
      }
    },
  );

  it('takes an answer within its gas limit; the request is read back open, and answered', async () => {
    const { chain, AuditLog, network, readerOf } = await openAuditLog();
    const reader = readerOf(network);
    const { id, account } = chain.aurora;
    const act = (from: Parameters<typeof chain.act>[0], name: string, args: readonly unknown[]) =>
      chain.act(from, AuditLog, auditLogInterface.encodeFunctionData(name, args));
    await chain.fund(chain.stranger.address);
    await act(chain.authority, 'admitAuditor', [chain.stranger.address, chain.stranger.address, 'Supervisor']);
    const due = 2 ** 40 - 1;
    const asked = await act(chain.stranger, 'requestDisclosure', [1, id, headOf('d'), due]);
    const terms = { request: 1, operator: id, auditor: 1, digest: headOf('d'), due, confidential: false };
    expect(await reader.logs(asked.blockHash)).toMatchObject([{ type: 'DisclosureRequested', ...terms }]);
    const open = await reader.disclosureRequest(1, asked.blockHash);
    expect(open).toMatchObject({ ...terms, madeAt: open?.filedAt });
    expect(open).not.toHaveProperty('answered');
    expect(await reader.disclosureRequest(2, asked.blockHash)).toBeUndefined();
    expect(await readerOf(chain.network).disclosureRequest(1, asked.blockHash)).toBeUndefined();

    const call = auditLogCalls(AuditLog).answer(id, 1, headOf('e'));
    const { gasUsed, blockHash } = await chain.act(account, call.to, call.data);
    expect(BigInt(gasUsed)).toBeLessThan(call.gasLimit);
    const event = { type: 'DisclosureAnswered', request: 1, operator: id, answer: headOf('e'), late: false };
    expect(await reader.logs(blockHash)).toMatchObject([event]);
    expect(await reader.disclosureRequest(1, blockHash)).toMatchObject({ ...terms, answered: { answer: headOf('e') } });
    // As it was in a block before.
    expect(await reader.disclosureRequest(1, asked.blockHash)).toEqual(open);
  });

  it('is not asked where the network has none, and its refusals have words', async () => {
    const { chain, readerOf } = await openAuditLog();
    const { hash } = await chain.reader().finalHead();
    expect(await readerOf(chain.network).lastCheckpoint(chain.aurora.id, hash)).toBeUndefined();
    const fragment = auditLogInterface.getError('AuditLogCheckpointNotNewer');
    if (fragment === null) throw new Error('no such error');
    expect(describeRevert(auditLogInterface.encodeErrorResult(fragment, [1, 5, 4]))).toBe(
      'AuditLogCheckpointNotNewer(operatorId: 1, last: 5, actual: 4)',
    );
  });
});
