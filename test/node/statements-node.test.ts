/** Statements as a node gives them: from its own store, journaled, or refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { statementOf, type StatementContext, type StatementRequest } from '../../operator-node/api/statement-routes.ts';
import { windowRoutes } from '../../operator-node/api/window-routes.ts';
import { windowKey, windowTable, type WindowRecord } from '../../operator-node/flow/windows/window.ts';
import type { OperatorEntry } from '../../operator-node/chain/chain.ts';
import { positionKey, positionTable } from '../../operator-node/domains/payments/records.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { Engine } from '../../operator-node/engine/engine.ts';
import { journalTable } from '../../operator-node/engine/journal.ts';
import {
  toTimestamp,
  type Asset,
  type Hash,
  type OperatorId,
  type PairId,
  type UnixMillis,
} from '../../operator-node/model/ids.ts';
import type { Store } from '../../operator-node/store/store.ts';
import { amount, later, makeWorld, now, operation, own, pairId, peer, sek, type World } from './domains.fixture.ts';
import { arithmeticFaults, schemaFaults, texts } from './statements.fixture.ts';

let world: World;
let clock: UnixMillis;
let flow: StatementContext;

const operator = (id: OperatorId, handle: string): OperatorEntry => ({
  id,
  handle,
  status: 'active',
  controller: '',
  accounts: [],
  signers: [],
  pins: [],
  endpoint: '',
});
const operators = [operator(own, 'aurora'), operator(peer, 'borealis')];

const contextOn = (store: Store): StatementContext => ({
  self: own,
  handle: 'aurora',
  engine: new Engine({
    store,
    clock: { now: () => clock, after: () => () => {} },
    random: systemRandom,
    onEvent: () => {},
    onFailure: () => {},
  }),
  settlement: { chainId: 31_337n, contract: `0x${'5e'.repeat(20)}` },
  peers: { all: () => operators, get: (id) => operators.find((entry) => entry.id === id) },
  config: {
    assets: [
      { asset: sek, exponent: 2 },
      { asset: '1:POINTS' as Asset, exponent: 0 },
    ],
    institutions: { '2': { name: 'Borealis ASA', bic: 'BORENOKK' } },
  },
});

const book = (number: number, at: UnixMillis, minor = 120): Promise<unknown> =>
  world.store.transact((tx) =>
    world.payments.commit(tx, operation({ pair: pairId(number), amount: amount(minor) }), at),
  );

const request = (changes: Partial<StatementRequest> = {}): StatementRequest => ({
  format: 'camt053',
  counterparty: 'borealis',
  asset: sek,
  from: toTimestamp(now),
  to: toTimestamp(later(3600)),
  ...changes,
});

beforeEach(async () => {
  world = await makeWorld();
  clock = later(7200);
  flow = contextOn(world.store);
  await book(1, now);
  await book(2, later(3600), 30);
});

const journal = async (): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const [, { kind, payload }] of world.store.scan(journalTable)) found.push({ kind, ...payload });
  return found;
};

/** Paid for in window 1: 4.20 that this operator owes the other in SEK. */
const windowOf = (state: WindowRecord['state'], discharged: boolean): WindowRecord => ({
  peer,
  role: 'proposer',
  content: {
    number: 1,
    operatorA: own,
    operatorB: peer,
    aToB: { from: 1, to: 1 },
    bToA: { from: 1, to: 0 },
    nets: [{ asset: sek, net: '420' }],
    secret: `0x${'5e'.repeat(32)}` as Hash,
  },
  lines: [
    {
      asset: sek,
      net: '420',
      statement: `0x${'57'.repeat(32)}` as Hash,
      anchored: { number: 4, hash: `0x${'04'.repeat(32)}` as Hash },
      ...(discharged ? { discharged: { reference: `0x${'0f'.repeat(32)}` as Hash, block: 5, at: now } } : {}),
    },
  ],
  state,
  opened: now,
  since: now,
});
const close = (state: WindowRecord['state'], discharged = false): Promise<unknown> =>
  world.store.transact((tx) => tx.put(windowTable, windowKey(peer, 1), windowOf(state, discharged)));

describe('one debt', () => {
  const payment = (again?: 'yes') =>
    windowRoutes.windowPayment.run({ flow: flow as Parameters<typeof windowRoutes.windowPayment.run>[0]['flow'] }, {
      query: { counterparty: 'borealis', number: 1, asset: sek, ...(again === undefined ? {} : { again }) },
    } as Parameters<typeof windowRoutes.windowPayment.run>[1]);

  it.each(['proposed', 'signed', 'anchored', 'discharged'] as const)(
    'is paid by no statement once a window with the operator is %s',
    async (state) => {
      const [pair = ''] = texts('camt.053.001.08', await statementOf(flow, request()), '//d:EndToEndId');
      const id = pair.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as PairId;
      await close(state, state === 'discharged');
      for (const changes of [{}, { pair: id }]) {
        await expect(statementOf(flow, request({ format: 'pacs009', ...changes }))).rejects.toMatchObject({
          code: 'unprocessable',
          message: expect.stringContaining('tandem window payment') as string,
        });
      }
      expect(schemaFaults('camt.053.001.08', await statementOf(flow, request()))).toEqual([]);
    },
  );

  it('has a payment of its window while that is not discharged, and again only where that is asked for', async () => {
    await close('anchored');
    expect(texts('pacs.009.001.08', await payment(), '//d:IntrBkSttlmAmt')).toEqual(['4.20']);
    await close('discharged', true);
    await expect(payment()).rejects.toMatchObject({
      code: 'unprocessable',
      message: expect.stringContaining('it has been paid') as string,
    });
    expect(texts('pacs.009.001.08', await payment('yes'), '//d:IntrBkSttlmAmt')).toEqual(['4.20']);
  });
});

describe('statementOf', () => {
  it.each([
    ['not-found', /no operator caelum/, { counterparty: 'caelum' }],
    ['unprocessable', /users of one operator/, { counterparty: '1' }],
    ['not-found', /no accounts in EUR/, { asset: 'EUR' as Asset }],
    ['unprocessable', /not after its beginning/, { to: toTimestamp(now) }],
    ['unprocessable', /account statement covers past periods/, { to: toTimestamp(later(7201)) }],
    ['unprocessable', /not an ISO 4217 currency/, { asset: '1:POINTS' as Asset }],
  ] as const)('refuses %s: %s', async (code, message, changes) => {
    await expect(statementOf(flow, request(changes))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(await journal()).toEqual([]);
  });

  it('refuses books whose bookings do not make the position', async () => {
    await world.store.transact((tx) => {
      tx.put(positionTable, positionKey(peer, sek), { balance: '151', debits: amount(0), credits: amount(0) });
    });
    await expect(statementOf(flow, request())).rejects.toMatchObject({
      code: 'unprocessable',
      facts: { position: '151', total: '150' },
    });
  });

  it('gives a valid statement of the period alone, with the counterparty’s own names, and journals it', async () => {
    const xml = await statementOf(flow, request());
    expect(schemaFaults('camt.053.001.08', xml)).toEqual([]);
    expect(arithmeticFaults(xml, 'SEK', 2)).toEqual([]);
    expect(texts('camt.053.001.08', xml, '//d:Bal/d:Amt')).toEqual(['0.00', '1.20']);
    expect(texts('camt.053.001.08', xml, '//d:Ownr//d:Nm | //d:Ownr//d:AnyBIC')).toEqual(['Borealis ASA', 'BORENOKK']);
    expect(await journal()).toEqual([
      expect.objectContaining({ kind: 'staff', what: 'statement', counterparty: peer, entries: 1, compared: true }),
    ]);
  });

  it('gives the second period with the first one’s closing balance as its opening balance', async () => {
    const xml = await statementOf(
      flow,
      request({ from: request().to, to: toTimestamp(later(7200)), counterparty: '2' }),
    );
    expect(texts('camt.053.001.08', xml, '//d:Bal/d:Amt')).toEqual(['1.20', '1.50']);
  });

  it('gives the payment, and the CSV, of the same period', async () => {
    const xml = await statementOf(flow, request({ format: 'pacs009' }));
    expect(schemaFaults('pacs.009.001.08', xml)).toEqual([]);
    expect(texts('pacs.009.001.08', xml, '//d:IntrBkSttlmAmt')).toEqual(['1.20']);
    expect((await statementOf(flow, request({ format: 'csv' }))).split('\r\n')).toHaveLength(5);
    const [pair = ''] = texts('camt.053.001.08', await statementOf(flow, request()), '//d:EndToEndId');
    const id = pair.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as PairId;
    const single = await statementOf(flow, request({ format: 'pacs009', pair: id }));
    expect(texts('pacs.009.001.08', single, '//d:EndToEndId')).toEqual([pair]);
  });

  it('goes on without a comparison while the position moves at every look', async () => {
    let booked = 10;
    const moving: Store = {
      ...world.store,
      newest: world.store.newest,
      transact: (body) => world.store.transact(body),
      scan: (table, range) => {
        booked += 1;
        const booking = book(booked, clock, 1);
        return (async function* () {
          await booking;
          yield* world.store.scan(table, range);
        })();
      },
      moment: (tables) => world.store.moment(tables),
      close: () => world.store.close(),
      [Symbol.asyncDispose]: () => world.store.close(),
    };
    const xml = await statementOf(contextOn(moving), request());
    expect(texts('camt.053.001.08', xml, '//d:Bal/d:Amt')).toEqual(['0.00', '1.20']);
    expect(await journal()).toEqual([expect.objectContaining({ compared: false })]);
  });
});
