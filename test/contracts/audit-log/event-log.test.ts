/** The events and the times of their blocks alone rebuild the state of AuditLog. */
import { type Contract, ZeroAddress, ZeroHash, id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { type Line, linesOf, receiptOf, refusalOf } from '../outcome.ts';
import { auditScene, digest, due, now } from './scene.ts';

const scene = auditScene();

type Entry = Record<string, unknown>;

interface Model {
  readonly auditors: Map<unknown, Entry>;
  readonly accounts: Map<unknown, unknown>;
  readonly checkpoints: Map<unknown, Entry>;
  readonly requests: Map<unknown, Entry>;
  /** By statement and operator. */
  readonly counterparties: Map<string, unknown>;
  readonly discharges: Map<string, unknown>;
}

const pairOf = (statement: unknown, operatorId: unknown): string => `${String(statement)} ${String(operatorId)}`;

function fold(model: Model, [name, key, ...args]: Line, timestamp: bigint): void {
  const [first, second, third, fourth, fifth, sixth] = args;
  switch (name) {
    case 'JournalCheckpoint':
      model.checkpoints.set(key, { entry: first, timestamp, head: second });
      return;
    case 'JournalHeadsDisowned':
      expect(model.checkpoints.get(key)?.['entry']).toBe(first);
      model.checkpoints.set(key, { entry: second, timestamp, head: ZeroHash });
      return;
    case 'AuditorAdmitted':
      model.auditors.set(key, { admitted: true, account: first, authority: second, name: third });
      model.accounts.set(first, key);
      return;
    case 'AuditorDismissed':
      model.accounts.delete(model.auditors.get(key)?.['account']);
      model.auditors.set(key, { ...model.auditors.get(key), admitted: false });
      return;
    case 'AuditorAccountRotated':
      model.accounts.delete(first);
      model.accounts.set(second, key);
      model.auditors.set(key, { ...model.auditors.get(key), account: second });
      return;
    case 'DisclosureRequested':
      model.requests.set(key, {
        auditorId: second,
        operatorId: first,
        madeAt: fourth,
        filedAt: timestamp,
        due: fifth,
        answeredAt: 0n,
        confidential: sixth,
        digest: third,
        answer: ZeroHash,
      });
      return;
    case 'DisclosureAnswered': {
      const request = model.requests.get(key);
      expect(third).toBe(timestamp > (request?.['due'] as bigint));
      model.requests.set(key, { ...request, answeredAt: timestamp, answer: second });
      return;
    }
    case 'StatementAnchored':
      model.counterparties.set(pairOf(key, first), second);
      model.counterparties.set(pairOf(key, second), first);
      return;
    case 'StatementDischarged':
      expect(model.counterparties.get(pairOf(key, first))).toBe(second);
      model.discharges.set(pairOf(key, first), third);
      return;
    default:
      throw new Error(`an event that the model does not know: ${String(name)}`);
  }
}

describe('the log of the audit log', () => {
  it('rebuilds every auditor, checkpoint, request, statement and discharge', async () => {
    const { governance, log, auditor, byAuditor, byAuthority, byStranger, byAccountOf, sign, confidential } = scene();
    const { chain, timelock, stranger } = governance;
    const address = await timelock.getAddress();
    await chain.send('hardhat_impersonateAccount', address);
    await chain.send('hardhat_setBalance', address, '0x56bc75e2d63100000');
    const byConsortium = log.connect(await chain.provider.getSigner(address)) as Contract;
    const [head, statement, other] = [id('head'), id('a statement'), id('another statement')];
    const [fresh, third] = [await chain.wallet('a fresh key'), await chain.wallet('a third auditor')];

    await receiptOf(byAccountOf(1), 'checkpoint', 1, 5, head);
    await receiptOf(byAccountOf(2), 'checkpoint', 2, 1, head);
    await receiptOf(byAccountOf(1), 'checkpoint', 1, 9, id('next head'));
    await receiptOf(byAccountOf(3), 'checkpoint', 3, 65_536, head);
    const controllerOf = (operatorId: number): Contract =>
      log.connect(governance.member(operatorId).controller) as Contract;
    await receiptOf(controllerOf(1), 'disownHeads', 1, 5);
    await receiptOf(controllerOf(3), 'disownHeads', 3, 0);
    await receiptOf(byAccountOf(1), 'checkpoint', 1, 6, id('another next head'));
    await receiptOf(byConsortium, 'admitAuditor', stranger.address, ZeroAddress, 'Second');
    await receiptOf(byConsortium, 'admitAuditor', third.address, stranger.address, 'Third');
    await receiptOf(byAuditor, 'requestDisclosure', 1, 2, digest, due);
    await receiptOf(byAuditor, 'requestDisclosure', 1, 3, digest, due + 50);
    const request = confidential();
    const released = [request, await sign(auditor, 'Request', { ...request })];
    await receiptOf(byAuthority, 'releaseRequest', ...released);
    await receiptOf(byStranger, 'requestDisclosure', 2, 4, digest, due);
    await receiptOf(byConsortium, 'dismissAuditor', 2);
    await receiptOf(byConsortium, 'admitAuditor', stranger.address, auditor.address, 'Second again');
    await chain.nextBlockAt(due);
    await receiptOf(byAccountOf(2), 'answer', 2, 1, head);
    await chain.nextBlockAt(due + 100);
    await receiptOf(byAccountOf(3), 'answer', 3, 2, ZeroHash);
    await receiptOf(byAuditor, 'rotateAuditorAccount', 1, fresh.address);
    await receiptOf(byStranger, 'anchorStatement', ...(await scene().statement(1, 2, statement)));
    await receiptOf(byStranger, 'anchorStatement', ...(await scene().statement(3, 4, statement)));
    await receiptOf(byStranger, 'anchorStatement', ...(await scene().statement(2, 3, other)));
    await receiptOf(byStranger, 'discharge', ...(await scene().discharge(2, statement, id('how'))));
    await receiptOf(byStranger, 'discharge', ...(await scene().discharge(4, statement, ZeroHash)));

    const model: Model = {
      auditors: new Map(),
      accounts: new Map(),
      checkpoints: new Map(),
      requests: new Map(),
      counterparties: new Map(),
      discharges: new Map(),
    };
    const seen = new Set<unknown>();
    const logs = await chain.provider.getLogs({ address: await log.getAddress(), fromBlock: 0 });
    for (const [index, line] of linesOf(logs).entries()) {
      const block = await chain.provider.getBlock(logs[index]?.blockNumber ?? 0);
      fold(model, line, BigInt(block?.timestamp ?? 0));
      seen.add(line[0]);
    }

    const view = (name: string, ...args: unknown[]): Promise<unknown> => log.getFunction(name)(...args);
    const struct = async (name: string, key: unknown): Promise<unknown> =>
      (await log.getFunction(name)(key)).toObject();
    expect(await view('auditorCount')).toBe(BigInt(model.auditors.size));
    expect(await view('requestCount')).toBe(BigInt(model.requests.size));
    expect([model.auditors.size, model.requests.size, model.checkpoints.size]).toEqual([4, 4, 3]);
    for (const [auditorId, entry] of model.auditors) expect(await struct('auditor', auditorId)).toEqual(entry);
    for (const { address: account } of [auditor, stranger, fresh, third]) {
      expect(await view('auditorByAccount', account)).toBe(model.accounts.get(account) ?? 0n);
    }
    for (const [operatorId, entry] of model.checkpoints) {
      expect(await struct('lastCheckpoint', operatorId)).toEqual(entry);
    }
    const latest = BigInt(await governance.now());
    for (const [requestId, entry] of model.requests) {
      expect(await struct('disclosureRequest', requestId)).toEqual(entry);
      const overdue = entry['answeredAt'] === 0n && latest > (entry['due'] as bigint);
      expect(await view('isOverdue', requestId)).toBe(overdue);
    }
    for (const each of [statement, other]) {
      for (const operatorId of [1n, 2n, 3n, 4n, 5n]) {
        const place = pairOf(each, operatorId);
        expect(await view('counterpartyOf', each, operatorId)).toBe(model.counterparties.get(place) ?? 0n);
        expect(await view('dischargeOf', each, operatorId)).toBe(model.discharges.get(place) ?? ZeroHash);
      }
    }
    // What was released is known by what was filed: the third request, though its auditor has another account now.
    await receiptOf(log.connect(fresh) as Contract, 'rotateAuditorAccount', 1, auditor.address);
    const again = confidential({ due: due + 500 });
    const signed = [again, await sign(auditor, 'Request', { ...again })];
    await receiptOf(byAuthority, 'releaseRequest', ...signed);
    expect(await refusalOf(byAuthority, 'releaseRequest', ...signed)).toEqual(['AuditLogAlreadyReleased', digest, 5n]);

    const declared = log.interface.fragments.flatMap((fragment) =>
      fragment.type === 'event' && 'name' in fragment ? [fragment.name] : [],
    );
    expect(declared.filter((name) => !seen.has(name))).toEqual(['EIP712DomainChanged']);
    expect(latest).toBeGreaterThan(BigInt(now));
  });
});
