import { type Contract, ZeroAddress, ZeroHash, id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { deployRefusalOf, eventsOf, receiptOf, refusalOf } from '../outcome.ts';
import { auditScene, digest, due, now, openRequest } from './scene.ts';

const scene = auditScene();
const view = (name: string, ...args: unknown[]): Promise<unknown> => scene().log.getFunction(name)(...args);
const struct = async (name: string, ...args: unknown[]): Promise<unknown> =>
  (await scene().log.getFunction(name)(...args)).toObject();
const at = (timestamp: number): Promise<void> => scene().governance.chain.nextBlockAt(timestamp);
const accountOf = (operatorId: number): string => scene().governance.member(operatorId).account.address;

describe('the constructor', () => {
  it('refuses a registry without code', async () => {
    const { chain } = scene().governance;
    expect(await deployRefusalOf(chain.deploy('AuditLog', accountOf(1)))).toEqual(['AuditLogNoRegistry', accountOf(1)]);
  });
});

describe('checkpoint', () => {
  const [head, next] = [id('head'), id('next head')];

  it('refuses a caller that is not the operator’s account', async () => {
    expect(await refusalOf(scene().byAccountOf(2), 'checkpoint', 1, 5, head)).toEqual([
      'AuditLogNotOperatorAccount',
      1n,
      accountOf(2),
    ]);
  });

  it.each([0, 4, 5])('refuses entry %i after entry 5', async (entry) => {
    await receiptOf(scene().byAccountOf(1), 'checkpoint', 1, 5, head);
    expect(await refusalOf(scene().byAccountOf(1), 'checkpoint', 1, entry, next)).toEqual([
      'AuditLogCheckpointNotNewer',
      1n,
      5n,
      BigInt(entry),
    ]);
  });

  it('refuses entry 0, which no journal has', async () => {
    expect(await refusalOf(scene().byAccountOf(1), 'checkpoint', 1, 0, head)).toEqual([
      'AuditLogCheckpointNotNewer',
      1n,
      0n,
      0n,
    ]);
  });

  it('refuses a retired operator, whoever asks is told first', async () => {
    const { decide, registry } = scene().governance;
    await decide([1, 2, 3, 4], { target: registry, method: 'retire', args: [1] });
    expect(await refusalOf(scene().byAccountOf(1), 'checkpoint', 1, 5, head)).toEqual(['AuditLogOperatorRetired', 1n]);
    expect((await refusalOf(scene().byAccountOf(2), 'checkpoint', 1, 5, head))[0]).toBe('AuditLogNotOperatorAccount');
  });

  it.each([0, 7])('takes an entry 65,536 after entry %i, and none that is later', async (last) => {
    const log = scene().byAccountOf(1);
    if (last > 0) await receiptOf(log, 'checkpoint', 1, last, head);
    for (const entry of [last + 65_537, last + 2 ** 32, 2n ** 53n, 2n ** 64n - 1n]) {
      const refusal = ['AuditLogCheckpointTooFar', 1n, BigInt(last), BigInt(entry)];
      expect(await refusalOf(log, 'checkpoint', 1, entry, next)).toEqual(refusal);
    }
    expect(await eventsOf(log, 'checkpoint', 1, last + 65_536, next)).toEqual([
      ['JournalCheckpoint', 1n, BigInt(last + 65_536), next],
    ]);
    expect(await log.getFunction('MAX_ENTRIES_APART')()).toBe(65_536n);
  });

  it('takes a backlog in one transaction, in its order, all of it or nothing', async () => {
    const log = scene().byAccountOf(1);
    const calls = (...entries: number[]): string[] =>
      entries.map((entry) => log.interface.encodeFunctionData('checkpoint', [1, entry, id(`head ${entry}`)]));
    const entries = [60_000, 120_000, 180_000];
    expect(await eventsOf(log, 'multicall', calls(...entries))).toEqual(
      entries.map((entry) => ['JournalCheckpoint', 1n, BigInt(entry), id(`head ${entry}`)]),
    );
    expect(await refusalOf(log, 'multicall', calls(240_000, 239_000))).toEqual([
      'AuditLogCheckpointNotNewer',
      1n,
      240_000n,
      239_000n,
    ]);
    expect(await struct('lastCheckpoint', 1)).toMatchObject({ entry: 180_000n });
  });

  it('keeps the last, and says each', async () => {
    await receiptOf(scene().byAccountOf(1), 'checkpoint', 1, 5, head);
    await at(now + 7);
    expect(await eventsOf(scene().byAccountOf(1), 'checkpoint', 1, 6, next)).toEqual([
      ['JournalCheckpoint', 1n, 6n, next],
    ]);
    expect(await struct('lastCheckpoint', 1)).toEqual({ entry: 6n, timestamp: BigInt(now + 7), head: next });
    expect(await struct('lastCheckpoint', 2)).toEqual({ entry: 0n, timestamp: 0n, head: ZeroHash });
  });
});

describe('disownHeads', () => {
  const head = id('head');
  const byController = (operatorId: number): Contract => {
    const { as, member } = scene().governance;
    return as(scene().log, member(operatorId).controller);
  };
  const controllerOf = (operatorId: number): string => scene().governance.member(operatorId).controller.address;
  const anchor = async (...entries: number[]): Promise<void> => {
    for (const entry of entries) await receiptOf(scene().byAccountOf(1), 'checkpoint', 1, entry, head);
  };

  it('refuses anyone but the operator’s controller', async () => {
    await anchor(5);
    expect(await refusalOf(byController(2), 'disownHeads', 1, 0)).toEqual([
      'AuditLogNotController',
      1n,
      controllerOf(2),
    ]);
    expect(await refusalOf(scene().byAccountOf(1), 'disownHeads', 1, 0)).toEqual([
      'AuditLogNotController',
      1n,
      accountOf(1),
    ]);
    expect((await refusalOf(scene().byStranger, 'disownHeads', 1, 0))[0]).toBe('AuditLogNotController');
    expect(await refusalOf(scene().byStranger, 'disownHeads', 0, 0)).toEqual(['AuditLogNothingToDisown', 0n, 0n, 0n]);
  });

  it('refuses the controller of a retired operator', async () => {
    const { decide, registry } = scene().governance;
    await anchor(5);
    await decide([1, 2, 3, 4], { target: registry, method: 'retire', args: [1] });
    expect(await refusalOf(byController(1), 'disownHeads', 1, 0)).toEqual(['AuditLogOperatorRetired', 1n]);
  });

  it.each([5, 6, 2n ** 64n - 1n])('refuses entry %s where entry 5 is the last', async (entry) => {
    await anchor(5);
    const refusal = ['AuditLogNothingToDisown', 1n, 5n, BigInt(entry)];
    expect(await refusalOf(byController(1), 'disownHeads', 1, entry)).toEqual(refusal);
  });

  it.each([0, 3, 4])('lets the journal go on after entry %i', async (entry) => {
    await anchor(3, 5);
    await at(now + 7);
    expect(await eventsOf(byController(1), 'disownHeads', 1, entry)).toEqual([
      ['JournalHeadsDisowned', 1n, 5n, BigInt(entry)],
    ]);
    const since = { entry: BigInt(entry), timestamp: BigInt(now + 7), head: ZeroHash };
    expect(await struct('lastCheckpoint', 1)).toEqual(since);
    expect((await refusalOf(scene().byAccountOf(1), 'checkpoint', 1, entry, head))[0]).toBe(
      'AuditLogCheckpointNotNewer',
    );
    await anchor(entry + 1);
    expect(await struct('lastCheckpoint', 1)).toMatchObject({ entry: BigInt(entry + 1), head });
  });

  it('leaves the journals of others alone', async () => {
    await receiptOf(scene().byAccountOf(2), 'checkpoint', 2, 9, head);
    await anchor(5);
    await receiptOf(byController(1), 'disownHeads', 1, 0);
    expect(await struct('lastCheckpoint', 2)).toMatchObject({ entry: 9n, head });
  });
});

describe('auditors', () => {
  it('are admitted and dismissed by the consortium alone', async () => {
    const { byStranger, byAuditor, auditor, governance } = scene();
    const owner = await governance.timelock.getAddress();
    const { address } = governance.stranger;
    expect(await refusalOf(byStranger, 'admitAuditor', address, address, 'x')).toEqual([
      'AuditLogNotAuthority',
      owner,
      address,
    ]);
    expect(await refusalOf(byAuditor, 'dismissAuditor', 1)).toEqual(['AuditLogNotAuthority', owner, auditor.address]);
  });

  /** The log, called by the consortium's timelock. */
  const byConsortium = async (): Promise<Contract> => {
    const { chain, timelock } = scene().governance;
    const address = await timelock.getAddress();
    await chain.send('hardhat_impersonateAccount', address);
    await chain.send('hardhat_setBalance', address, '0x56bc75e2d63100000');
    return scene().log.connect(await chain.provider.getSigner(address)) as Contract;
  };

  it('are refused with a bad name, or an account that is zero or taken', async () => {
    const { auditor, governance } = scene();
    const { address } = governance.stranger;
    const log = await byConsortium();
    for (const name of ['', 'n'.repeat(65)]) {
      expect(await refusalOf(log, 'admitAuditor', address, address, name)).toEqual(['AuditLogInvalidName', name]);
    }
    expect(await refusalOf(log, 'admitAuditor', ZeroAddress, address, 'x')).toEqual([
      'AuditLogInvalidAccount',
      ZeroAddress,
    ]);
    expect(await refusalOf(log, 'admitAuditor', auditor.address, address, 'x')).toEqual([
      'AuditLogAccountTaken',
      auditor.address,
      1n,
    ]);
  });

  it('are given the next id', async () => {
    const { auditor, authority, governance } = scene();
    const { address } = governance.stranger;
    const log = await byConsortium();
    const name = 'n'.repeat(64);
    expect(await eventsOf(log, 'admitAuditor', address, ZeroAddress, name)).toEqual([
      ['AuditorAdmitted', 2n, address, ZeroAddress, name],
    ]);
    expect(await struct('auditor', 1)).toEqual({
      admitted: true,
      account: auditor.address,
      authority: authority.address,
      name: 'Audit Office',
    });
    expect(await struct('auditor', 2)).toEqual({ admitted: true, account: address, authority: ZeroAddress, name });
    expect([await view('auditorCount'), await view('auditorByAccount', address)]).toEqual([2n, 2n]);
  });

  it('file nothing once dismissed, and cannot be dismissed twice', async () => {
    const { byAuditor, byAuthority, auditor, confidential, sign } = scene();
    const log = await byConsortium();
    expect(await eventsOf(log, 'dismissAuditor', 1)).toEqual([['AuditorDismissed', 1n]]);
    const refusal = ['AuditLogUnknownAuditor', 1n];
    expect(await refusalOf(log, 'dismissAuditor', 1)).toEqual(refusal);
    expect(await refusalOf(byAuditor, 'requestDisclosure', 1, 2, digest, due)).toEqual(refusal);
    expect(await refusalOf(byAuditor, 'rotateAuditorAccount', 1, accountOf(1))).toEqual(refusal);
    const request = confidential();
    const signature = await sign(auditor, 'Request', { ...request });
    expect(await refusalOf(byAuthority, 'releaseRequest', request, signature)).toEqual(refusal);
    expect(await view('auditorByAccount', auditor.address)).toBe(0n);
    expect(await struct('auditor', 1)).toMatchObject({ admitted: false });
  });

  it('rotate their account', async () => {
    const { byAuditor, byStranger, auditor, governance } = scene();
    const { address } = governance.stranger;
    expect(await refusalOf(byStranger, 'rotateAuditorAccount', 1, address)).toEqual([
      'AuditLogNotAuditor',
      1n,
      auditor.address,
      address,
    ]);
    expect(await refusalOf(byAuditor, 'rotateAuditorAccount', 1, ZeroAddress)).toEqual([
      'AuditLogInvalidAccount',
      ZeroAddress,
    ]);
    expect(await refusalOf(byAuditor, 'rotateAuditorAccount', 1, auditor.address)).toEqual([
      'AuditLogAccountTaken',
      auditor.address,
      1n,
    ]);
    expect(await eventsOf(byAuditor, 'rotateAuditorAccount', 1, address)).toEqual([
      ['AuditorAccountRotated', 1n, auditor.address, address],
    ]);
    expect(await refusalOf(byAuditor, 'requestDisclosure', 1, 2, digest, due)).toEqual([
      'AuditLogNotAuditor',
      1n,
      address,
      auditor.address,
    ]);
    await receiptOf(byStranger, 'requestDisclosure', 1, 2, digest, due);
    const owners = [await view('auditorByAccount', address), await view('auditorByAccount', auditor.address)];
    expect(owners).toEqual([1n, 0n]);
  });
});

describe('requestDisclosure', () => {
  it('refuses who is not that auditor, an operator that there is not, and a due time that is not ahead', async () => {
    const { byStranger, byAuditor, auditor, governance } = scene();
    expect(await refusalOf(byStranger, 'requestDisclosure', 1, 8, digest, now)).toEqual([
      'AuditLogNotAuditor',
      1n,
      auditor.address,
      governance.stranger.address,
    ]);
    expect(await refusalOf(byAuditor, 'requestDisclosure', 2, 8, digest, now)).toEqual(['AuditLogUnknownAuditor', 2n]);
    expect(await refusalOf(byAuditor, 'requestDisclosure', 1, 8, digest, now)).toEqual(['AuditLogUnknownOperator', 8n]);
    await at(now + 10);
    expect(await refusalOf(byAuditor, 'requestDisclosure', 1, 2, digest, now + 10)).toEqual([
      'AuditLogDueOutOfRange',
      BigInt(now + 11),
      BigInt(now + 10),
    ]);
  });

  it('shows operator, auditor, number and due time, and the rest as one digest', async () => {
    await at(now + 10);
    const args = [1, 2, digest, now + 11];
    expect(await eventsOf(scene().byAuditor, 'requestDisclosure', ...args)).toEqual([
      ['DisclosureRequested', 1n, 2n, 1n, digest, BigInt(now + 10), BigInt(now + 11), false],
    ]);
    expect(await view('requestCount')).toBe(1n);
    expect(await struct('disclosureRequest', 1)).toEqual({
      auditorId: 1n,
      operatorId: 2n,
      madeAt: BigInt(now + 10),
      filedAt: BigInt(now + 10),
      due: BigInt(now + 11),
      answeredAt: 0n,
      confidential: false,
      digest,
      answer: ZeroHash,
    });
  });
});

describe('answer', () => {
  const handedOver = id('what was handed over, salted');

  it('refuses another’s account, a request that there is not, one to another operator, and a second answer', async () => {
    const { byAccountOf } = scene();
    expect(await refusalOf(byAccountOf(1), 'answer', 2, 1, handedOver)).toEqual([
      'AuditLogNotOperatorAccount',
      2n,
      accountOf(1),
    ]);
    expect(await refusalOf(byAccountOf(2), 'answer', 2, 1, handedOver)).toEqual(['AuditLogUnknownRequest', 1n]);
    await openRequest(scene());
    expect(await refusalOf(byAccountOf(1), 'answer', 1, 1, handedOver)).toEqual(['AuditLogNotRequested', 1n, 2n, 1n]);
    await receiptOf(byAccountOf(2), 'answer', 2, 1, handedOver);
    expect(await refusalOf(byAccountOf(2), 'answer', 2, 1, id('other'))).toEqual([
      'AuditLogAlreadyAnswered',
      1n,
      handedOver,
      id('other'),
    ]);
  });

  it.each([
    { seconds: 0, late: false },
    { seconds: 1, late: true },
  ])('$seconds s after the due time is late: $late', async ({ seconds, late }) => {
    await openRequest(scene());
    await at(due + seconds);
    expect(await eventsOf(scene().byAccountOf(2), 'answer', 2, 1, handedOver)).toEqual([
      ['DisclosureAnswered', 1n, 2n, handedOver, late],
    ]);
    expect(await struct('disclosureRequest', 1)).toMatchObject({
      answeredAt: BigInt(due + seconds),
      answer: handedOver,
    });
    expect(await view('isOverdue', 1)).toBe(false);
  });

  it('is given by a suspended operator too', async () => {
    const { registry, decide } = scene().governance;
    await decide([1, 3, 4, 5], { target: registry, method: 'suspend', args: [2] });
    await eventsOf(scene().byAuditor, 'requestDisclosure', 1, 2, digest, now + 100_000);
    await receiptOf(scene().byAccountOf(2), 'answer', 2, 1, handedOver);
  });
});

describe('an overdue request', () => {
  it('is seen from the first second after its due time until it is answered', async () => {
    const { governance, byAccountOf } = scene();
    await openRequest(scene());
    await governance.chain.mineAt(due);
    expect(await view('isOverdue', 1)).toBe(false);
    await governance.chain.mineAt(due + 1);
    expect(await view('isOverdue', 1)).toBe(true);
    await receiptOf(byAccountOf(2), 'answer', 2, 1, digest);
    expect(await view('isOverdue', 1)).toBe(false);
    expect([await view('isOverdue', 0), await view('isOverdue', 2)]).toEqual([false, false]);
  });

  it('is in the list, which goes on by number', async () => {
    const { governance, byAccountOf, byAuditor } = scene();
    for (let i = 0; i < 5; ++i) await openRequest(scene());
    await receiptOf(byAuditor, 'requestDisclosure', 1, 3, digest, due + 1000);
    await governance.chain.mineAt(due + 1);
    await receiptOf(byAccountOf(2), 'answer', 2, 3, digest);
    const list = (first: number | bigint, last: number | bigint): Promise<unknown> =>
      view('overdueRequests', first, last);
    expect(await list(1, 6)).toEqual([1n, 2n, 4n, 5n]);
    expect(await list(0, 100)).toEqual([1n, 2n, 4n, 5n]);
    expect(await list(2, 4)).toEqual([2n, 4n]);
    expect(await list(5, 5)).toEqual([5n]);
    expect(await list(6, 6)).toEqual([]);
    expect(await list(5, 4)).toEqual([]);
    expect(await list(7, 9)).toEqual([]);
    expect(await list(0, 0)).toEqual([]);
    expect(await list(2n ** 64n - 1n, 2n ** 64n - 1n)).toEqual([]);
  });

  it('is listed for at most 1,000 requests at once', async () => {
    const { byAuditor, log, governance } = scene();
    const calls = Array.from({ length: 101 }, () =>
      log.interface.encodeFunctionData('requestDisclosure', [1, 2, digest, due]),
    );
    for (let i = 0; i < 10; ++i) await receiptOf(byAuditor, 'multicall', calls);
    await governance.chain.mineAt(due + 1);
    const found = (await view('overdueRequests', 2, 1010)) as bigint[];
    expect([found.length, found[0], found.at(-1)]).toEqual([1000, 2n, 1001n]);
    expect(((await view('overdueRequests', 3, 1002)) as bigint[]).length).toBe(1000);
    expect(((await view('overdueRequests', 11, 1010)) as bigint[]).length).toBe(1000);
  });
});

describe('releaseRequest', () => {
  const release = async (change: object = {}, signer = scene().auditor) => {
    const request = scene().confidential(change);
    return [request, await scene().sign(signer, 'Request', { ...request })];
  };

  it('refuses, in this order, each thing that is wrong', async () => {
    const { byAuthority, byAuditor, authority, auditor, governance, hash, confidential } = scene();
    expect(await refusalOf(byAuthority, 'releaseRequest', ...(await release({ auditorId: 2 })))).toEqual([
      'AuditLogUnknownAuditor',
      2n,
    ]);
    await at(now + 10);
    const wrong = { madeAt: now + 11, operatorId: 8, due: now };
    expect(await refusalOf(byAuditor, 'releaseRequest', ...(await release(wrong)))).toEqual([
      'AuditLogNotAuditorsAuthority',
      1n,
      authority.address,
      auditor.address,
    ]);
    await governance.chain.mineAt(now + 10);
    await at(now + 10);
    expect(await refusalOf(byAuthority, 'releaseRequest', ...(await release(wrong)))).toEqual([
      'AuditLogMadeInFuture',
      BigInt(now + 10),
      BigInt(now + 11),
    ]);
    expect(await refusalOf(byAuthority, 'releaseRequest', ...(await release({ ...wrong, madeAt: now })))).toEqual([
      'AuditLogUnknownOperator',
      8n,
    ]);
    await at(now + 20);
    expect(await refusalOf(byAuthority, 'releaseRequest', ...(await release({ due: now + 20 })))).toEqual([
      'AuditLogDueOutOfRange',
      BigInt(now + 21),
      BigInt(now + 20),
    ]);
    const [request, signature] = await release({}, authority);
    expect(await refusalOf(byAuthority, 'releaseRequest', request, signature)).toEqual([
      'AuditLogInvalidAuditorSignature',
      1n,
      await hash('Request', { ...confidential() }),
      signature,
    ]);
  });

  it('files it once, with the time at which it was made', async () => {
    const { byAuthority, hash, confidential } = scene();
    expect(await view('requestDigestOf', confidential())).toBe(await hash('Request', { ...confidential() }));
    const args = await release();
    await at(now + 30);
    expect(await eventsOf(byAuthority, 'releaseRequest', ...args)).toEqual([
      ['DisclosureRequested', 1n, 2n, 1n, digest, BigInt(now - 500), BigInt(due), true],
    ]);
    expect(await struct('disclosureRequest', 1)).toMatchObject({
      madeAt: BigInt(now - 500),
      filedAt: BigInt(now + 30),
      confidential: true,
    });
    expect(await refusalOf(byAuthority, 'releaseRequest', ...args)).toEqual(['AuditLogAlreadyReleased', digest, 1n]);
    expect(await view('requestCount')).toBe(1n);
  });

  it('takes a request made in this second', async () => {
    const args = await release({ madeAt: now + 40 });
    await at(now + 40);
    expect(await eventsOf(scene().byAuthority, 'releaseRequest', ...args)).toHaveLength(1);
  });
});

describe('anchorStatement', () => {
  const statement = id('a statement');

  it('refuses operators out of order, and A’s, then B’s wrong signature', async () => {
    const { byStranger, statement: signed, hash } = scene();
    const [a, b, , signatureA, signatureB] = await signed(1, 2, statement);
    expect(await refusalOf(byStranger, 'anchorStatement', b, a, statement, signatureB, signatureA)).toEqual([
      'AuditLogOperatorsOutOfOrder',
      2n,
      1n,
    ]);
    expect(await refusalOf(byStranger, 'anchorStatement', a, a, statement, signatureA, signatureA)).toEqual([
      'AuditLogOperatorsOutOfOrder',
      1n,
      1n,
    ]);
    const digestToSign = await hash('Statement', { operatorA: 1, operatorB: 2, statementDigest: statement });
    expect(await view('statementDigestToSign', 1, 2, statement)).toBe(digestToSign);
    expect(await refusalOf(byStranger, 'anchorStatement', a, b, statement, signatureB, signatureA)).toEqual([
      'AuditLogInvalidSignature',
      1n,
      digestToSign,
      signatureB,
    ]);
    expect(await refusalOf(byStranger, 'anchorStatement', a, b, statement, signatureA, signatureA)).toEqual([
      'AuditLogInvalidSignature',
      2n,
      digestToSign,
      signatureA,
    ]);
  });

  it('anchors it once; again changes nothing', async () => {
    const { byStranger, statement: signed } = scene();
    const args = await signed(1, 2, statement);
    expect(await eventsOf(byStranger, 'anchorStatement', ...args)).toEqual([['StatementAnchored', statement, 1n, 2n]]);
    expect(await eventsOf(byStranger, 'anchorStatement', ...args)).toEqual([]);
    expect([await view('counterpartyOf', statement, 1), await view('counterpartyOf', statement, 2)]).toEqual([2n, 1n]);
    expect(await view('counterpartyOf', statement, 3)).toBe(0n);
  });

  it('refuses a digest that one of the two anchored with another, and minds nobody else', async () => {
    const { byStranger, statement: signed } = scene();
    await receiptOf(byStranger, 'anchorStatement', ...(await signed(1, 3, statement)));
    expect(await refusalOf(byStranger, 'anchorStatement', ...(await signed(1, 2, statement)))).toEqual([
      'AuditLogStatementTaken',
      statement,
      1n,
      3n,
      2n,
    ]);
    expect(await refusalOf(byStranger, 'anchorStatement', ...(await signed(2, 3, statement)))).toEqual([
      'AuditLogStatementTaken',
      statement,
      3n,
      1n,
      2n,
    ]);
    expect(await eventsOf(byStranger, 'anchorStatement', ...(await signed(4, 5, statement)))).toHaveLength(1);
  });
});

describe('discharge', () => {
  const [statement, reference] = [id('a statement'), id('how it was paid')];

  it('refuses a statement that the payee has not anchored, its wrong signature, and another reference', async () => {
    const { byStranger, statement: signed, discharge, hash } = scene();
    expect(await refusalOf(byStranger, 'discharge', ...(await discharge(2, statement, reference)))).toEqual([
      'AuditLogUnknownStatement',
      statement,
      2n,
    ]);
    await receiptOf(byStranger, 'anchorStatement', ...(await signed(1, 2, statement)));
    expect(await refusalOf(byStranger, 'discharge', ...(await discharge(3, statement, reference)))).toEqual([
      'AuditLogUnknownStatement',
      statement,
      3n,
    ]);
    const [, , , byPayer] = await discharge(1, statement, reference);
    const digestToSign = await hash('Discharge', { payee: 2, statementDigest: statement, referenceDigest: reference });
    expect(await view('dischargeDigestToSign', 2, statement, reference)).toBe(digestToSign);
    expect(await refusalOf(byStranger, 'discharge', 2, statement, reference, byPayer)).toEqual([
      'AuditLogInvalidSignature',
      2n,
      digestToSign,
      byPayer,
    ]);
    await receiptOf(byStranger, 'discharge', ...(await discharge(2, statement, reference)));
    expect(await refusalOf(byStranger, 'discharge', ...(await discharge(2, statement, id('other'))))).toEqual([
      'AuditLogAlreadyDischarged',
      statement,
      2n,
      reference,
      id('other'),
    ]);
  });

  it.each([reference, ZeroHash])(
    'is said once for each payee, with reference %s; again changes nothing',
    async (how) => {
      const { byStranger, statement: signed, discharge } = scene();
      await receiptOf(byStranger, 'anchorStatement', ...(await signed(1, 2, statement)));
      const args = await discharge(2, statement, how);
      expect(await eventsOf(byStranger, 'discharge', ...args)).toEqual([
        ['StatementDischarged', statement, 2n, 1n, how],
      ]);
      expect(await eventsOf(byStranger, 'discharge', ...args)).toEqual([]);
      expect(await eventsOf(byStranger, 'discharge', ...(await discharge(1, statement, how)))).toEqual([
        ['StatementDischarged', statement, 1n, 2n, how],
      ]);
      expect([await view('dischargeOf', statement, 2), await view('dischargeOf', statement, 3)]).toEqual([
        how,
        ZeroHash,
      ]);
    },
  );
});
