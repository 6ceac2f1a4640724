import fc from 'fast-check';
import { XmlDocument } from 'libxml2-wasm';
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../operator-node/errors.ts';
import type { Asset, OperatorId, PairId, UnixMillis } from '../../operator-node/model/ids.ts';
import { camt053 as camt053Pieces } from '../../operator-node/statements/camt053.ts';
import { csv as csvPieces, csvColumns } from '../../operator-node/statements/csv.ts';
import { readPeriod, type PositionEntry } from '../../operator-node/statements/entries.ts';
import { referenceOf, statementReference, uetrOf } from '../../operator-node/statements/ids.ts';
import { decimalOf } from '../../operator-node/model/money.ts';
import { isoAmount } from '../../operator-node/statements/money.ts';
import { pacs009 as pacs009Pieces, type ForNetwork } from '../../operator-node/statements/pacs009.ts';
import type { Statement } from '../../operator-node/statements/statement.ts';
import { document, leaf } from '../../operator-node/statements/xml.ts';
import { escapeXml } from '../../operator-node/model/quoting.ts';
import { ada, amount, later, makeWorld, now, operation, own, pairId, peer, sek, shop } from './domains.fixture.ts';
import { arithmeticFaults, schemaFaults, texts } from './statements.fixture.ts';

const entry = (number: number, value: bigint, at: UnixMillis = now): PositionEntry => ({
  reference: referenceOf(pairId(number)),
  pair: pairId(number),
  leg: 'first',
  number: 1,
  service: 'pay',
  text: 'pay, first operation',
  at,
  amount: value,
});

function statement(changes: Partial<Statement> = {}): Statement {
  const opening = changes.opening ?? 5_000n;
  const entries = changes.entries ?? [entry(1, 12_050n), entry(2, -2_000n, later(5))];
  return {
    reference: '0123456789abcdef0123456789abcdef',
    servicer: { operator: own, name: 'aurora' },
    owner: { operator: peer, name: 'Borealis & Co <AB>', bic: 'BORESESS', lei: '5493001KJTIIGC8Y1R17' },
    asset: sek,
    exponent: 2,
    from: now,
    to: later(86_400),
    created: later(90_000),
    opening,
    entries,
    closing: entries.reduce((sum, each) => sum + each.amount, opening),
    ...changes,
  };
}

const whole = (write: (of: Statement) => Iterable<string>) => (of: Statement) => [...write(of)].join('');
const [camt053, pacs009, csv] = [whole(camt053Pieces), whole(pacs009Pieces), whole(csvPieces)];

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof TandemError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing was refused';
};

const foreign = { owner: { operator: 4_294_967_295 as OperatorId, name: 'x'.repeat(140) } };

describe('escapeXml', () => {
  it('keeps every text that XML can hold, as another parser reads it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const possible = text.replaceAll(/[^\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '');
        using read = XmlDocument.fromString(
          [...document('urn:x', 'R', () => [leaf('T', possible, { A: possible })])].join(''),
        );
        expect(read.find('//x:T | //x:T/@A', { x: 'urn:x' }).map(({ content }) => content)).toEqual([
          possible,
          possible,
        ]);
      }),
      { numRuns: 40 },
    );
  });

  it('puts U+FFFD for what XML cannot hold', () => {
    expect(escapeXml('a\u0000b\ud800c')).toBe('a\ufffdb\ufffdc');
  });
});

describe('uetrOf', () => {
  it('is a UUIDv4 of the reference, another one for each pairId', () => {
    const pair = '019ab2f4-6c1e-7d3a-9b52-0f6d2c1e8a77' as PairId;
    expect(referenceOf(pair)).toBe('019ab2f46c1e7d3a9b520f6d2c1e8a77');
    expect(uetrOf(referenceOf(pair))).toBe('019ab2f4-6c1e-4d3a-9b52-0f6d2c1e8a77');
    expect(uetrOf('f'.repeat(32))).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
    expect(uetrOf('0'.repeat(32))).toBe('00000000-0000-4000-8000-000000000000');
  });
});

describe('statementReference', () => {
  const key = { chainId: '31337', contract: '0xAb', servicer: own, owner: peer, asset: sek, from: now, to: later(1) };
  it('is the same for the same account and period, and another for any other', () => {
    const reference = statementReference(key);
    expect(reference).toMatch(/^[0-9a-f]{32}$/);
    expect(statementReference({ ...key, contract: '0xaB' })).toBe(reference);
    for (const other of [{ chainId: '1' }, { servicer: peer, owner: own }, { from: later(0.5) }, { to: later(2) }]) {
      expect(statementReference({ ...key, ...other })).not.toBe(reference);
    }
  });
});

describe('decimalOf', () => {
  it.each([
    [0n, 2, '0.00'],
    [5n, 2, '0.05'],
    [-1250n, 2, '-12.50'],
    [1250n, 0, '1250'],
    [1n, 3, '0.001'],
  ])('%s with %s decimals is %s', (minor, exponent, text) => {
    expect(decimalOf(minor, exponent)).toBe(text);
  });

  it('refuses more digits than ISO 20022 has', () => {
    expect(isoAmount(10n ** 18n - 1n, 2)).toBe('9999999999999999.99');
    expect(refusal(() => isoAmount(-(10n ** 18n), 2))).toMatch(/^unprocessable: .*more than the 18 digits/);
  });
});

describe('camt053', () => {
  it('refuses what is no currency, and says to take the CSV', () => {
    for (const asset of ['7:POINTS', 'QQQ'] as Asset[]) {
      expect(refusal(() => camt053(statement({ asset })))).toMatch(/^unprocessable: .* not an ISO 4217 currency.* CSV/);
    }
    expect(refusal(() => camt053(statement({ exponent: 6 })))).toMatch(/6 decimals.*at most 5/);
  });

  it('holds by the schema and by its sums, whatever the entries', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
        fc.array(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), { maxLength: 6 }),
        fc.constantFrom(0, 2, 3),
        (opening, amounts, exponent) => {
          const entries = amounts.map((value, index) => entry(index, value, later(index)));
          const xml = camt053(statement({ opening, entries, exponent, ...foreign }));
          expect(schemaFaults('camt.053.001.08', xml)).toEqual([]);
          expect(arithmeticFaults(xml, 'SEK', exponent)).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('tells the account, its two sides, the period with its last millisecond, and each pair', () => {
    const xml = camt053(statement());
    const of = (path: string) => texts('camt.053.001.08', xml, path);
    expect(of('//d:Acct/d:Id/d:Othr/d:Id')).toEqual(['tandem:1:2:SEK']);
    expect(of('//d:Ownr/d:Nm')).toEqual(['Borealis & Co <AB>']);
    expect(of('//d:Ownr//d:AnyBIC | //d:Ownr//d:LEI')).toEqual(['BORESESS', '5493001KJTIIGC8Y1R17']);
    expect(of('//d:Svcr//d:Othr/d:Id')).toEqual(['1']);
    expect(of('//d:FrToDt/*')).toEqual(['2026-11-23T10:00:00.000Z', '2026-11-24T09:59:59.999Z']);
    expect(of('//d:Bal/d:Amt')).toEqual(['50.00', '150.50']);
    // Days, which every importer reads; the moment is in the text of the entry.
    expect(of('//d:Bal/d:Dt/d:Dt')).toEqual(['2026-11-23', '2026-11-24']);
    expect(of('//d:BookgDt/* | //d:ValDt/*')).toEqual(of('//d:BookgDt/d:Dt | //d:ValDt/d:Dt'));
    expect(of('//d:BookgDt/d:Dt')).toHaveLength(2);
    expect(of('//d:AddtlTxInf')[0]).toMatch(/, booked \d{4}-\d{2}-\d{2}T.*Z$/);
    expect(of('//d:Ntry/d:CdtDbtInd')).toEqual(['CRDT', 'DBIT']);
    expect(of('//d:EndToEndId')).toEqual([pairId(1), pairId(2)].map(referenceOf));
    expect(of('//d:UETR')).toEqual([pairId(1), pairId(2)].map((pair) => uetrOf(referenceOf(pair))));
  });
});

describe('the checks of documents', () => {
  const xml = camt053(statement());
  it.each([
    ['an element in another place', (text: string) => text.replace(/(<Ccy>SEK<\/Ccy>)(.*?<\/Ownr>)/, '$2$1')],
    ['a UETR of another version', (text: string) => text.replaceAll(/(-)4(\w{3}-\w{4}-\w{12}<\/UETR>)/g, '$17$2')],
    ['a reference of 36 characters', (text: string) => text.replace('<NtryRef>', '<NtryRef>xx')],
    ['an amount below zero', (text: string) => text.replace('>120.50<', '>-120.50<')],
    ['a BIC of 9 characters', (text: string) => text.replace('BORESESS', 'BORESESSX')],
  ])('find %s by the schema', (_, change) => {
    expect(change(xml)).not.toBe(xml);
    expect(schemaFaults('camt.053.001.08', change(xml))).not.toEqual([]);
  });

  it.each([
    ['an entry off by one', (text: string) => text.replaceAll('>120.50<', '>120.51<')],
    ['an entry on the other side', (text: string) => text.replaceAll('>DBIT<', '>CRDT<')],
    ['three decimals', (text: string) => text.replaceAll('>20.00<', '>20.000<')],
    ['another currency', (text: string) => text.replace('Ccy="SEK"', 'Ccy="EUR"')],
    ['an entry twice', (text: string) => text.replace(/<Ntry>.*?<\/Ntry>/, '$&$&')],
  ])('find %s by its sums', (_, change) => {
    expect(change(xml)).not.toBe(xml);
    expect(arithmeticFaults(change(xml), 'SEK', 2)).not.toEqual([]);
  });
});

describe('pacs009', () => {
  it('refuses an asset that is no currency, and a payment that is not this operator’s to make', () => {
    expect(refusal(() => pacs009(statement({ asset: '7:POINTS' as Asset })))).toMatch(/not an ISO 4217 currency/);
    expect(refusal(() => pacs009(statement({ entries: [] })))).toMatch(/^unprocessable: Nothing is to be paid/);
    expect(refusal(() => pacs009(statement({ entries: [entry(1, -7n)] })))).toMatch(
      /Borealis & Co <AB> is to pay 0.07 SEK.*only the operator that pays/,
    );
  });

  it('pays the net of the period, not the balance, under the reference of the statement', () => {
    const xml = pacs009(statement(foreign));
    expect(schemaFaults('pacs.009.001.08', xml)).toEqual([]);
    const of = (path: string) => texts('pacs.009.001.08', xml, path);
    expect(of('//d:IntrBkSttlmAmt | //d:IntrBkSttlmAmt/@Ccy')).toEqual(['100.50', 'SEK']);
    expect(of('//d:EndToEndId')).toEqual(['0123456789abcdef0123456789abcdef']);
    expect(of('//d:UETR')).toEqual(['01234567-89ab-4def-8123-456789abcdef']);
    expect(of('//d:Dbtr//d:Othr/d:Id | //d:Cdtr//d:Othr/d:Id')).toEqual(['1', '4294967295']);
    expect(of('//d:IntrBkSttlmDt')).toEqual(['2026-11-24']);
  });

  it('pays one pair alone, under the digits of its id, and a UETR made of them', () => {
    const [one, other] = [entry(1, 250n), entry(2, -7n)];
    const period = statement({ entries: [one, other, entry(3, 1n)] });
    const xml = whole((given) => pacs009Pieces(given, pairId(1)))(period);
    expect(schemaFaults('pacs.009.001.08', xml)).toEqual([]);
    const of = (path: string) => texts('pacs.009.001.08', xml, path);
    const digits = pairId(1).replaceAll('-', '');
    expect(of('//d:IntrBkSttlmAmt')).toEqual(['2.50']);
    expect(of('//d:EndToEndId | //d:InstrId | //d:TxId | //d:MsgId')).toEqual([digits, digits, digits, digits]);
    expect(of('//d:UETR')).toEqual([uetrOf(digits)]);
    expect(of('//d:UETR')[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(refusal(() => whole((given) => pacs009Pieces(given, pairId(2)))(period))).toMatch(
      /is to pay 0.07 SEK for pair .*only the operator that pays/,
    );
    expect(refusal(() => whole((given) => pacs009Pieces(given, pairId(9)))(period))).toMatch(/^not-found: /);
  });
});

describe('a payment for a network', () => {
  const servicer = { operator: 1 as OperatorId, name: 'Aurora Bank AB', bic: 'AURASESS' };
  const paid = (network: ForNetwork, changes: Parameters<typeof statement>[0] = {}) =>
    whole((given) => pacs009Pieces(given, undefined, network))(statement({ servicer, ...changes }));

  it('is written as CBPR+ takes it: BICs alone, an offset, 16 characters of instruction id', () => {
    const xml = paid({ profile: 'cbpr' });
    expect(schemaFaults('pacs.009.001.08', xml)).toEqual([]);
    const of = (path: string) => texts('pacs.009.001.08', xml, path);
    expect(of('//d:SttlmMtd')).toEqual(['INDA']);
    expect(of('//d:CreDtTm')[0]).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00$/);
    expect(of('//d:InstrId')).toEqual(['0123456789abcdef']);
    expect(of('//d:InstgAgt//d:BICFI | //d:InstdAgt//d:BICFI')).toEqual(['AURASESS', 'BORESESS']);
    expect(of('//d:FinInstnId/d:Nm | //d:FinInstnId/d:Othr')).toEqual([]);
  });

  it('is written as HVPS+ takes it, with the code of its clearing system', () => {
    const xml = paid({ profile: 'hvps', clearingSystem: 'TGT' });
    expect(schemaFaults('pacs.009.001.08', xml)).toEqual([]);
    const of = (path: string) => texts('pacs.009.001.08', xml, path);
    expect(of('//d:SttlmMtd | //d:ClrSys/d:Cd')).toEqual(['CLRG', 'TGT']);
    expect(of('//d:FinInstnId/d:Nm')).toEqual([]);
  });

  it('is refused without a BIC, without the clearing system, and for too many digits', () => {
    const { bic: _, ...nameless } = servicer;
    expect(refusal(() => paid({ profile: 'cbpr' }, { servicer: nameless }))).toMatch(/needs the BIC of Aurora Bank AB/);
    expect(refusal(() => paid({ profile: 'hvps' }))).toMatch(/clearing system/);
    expect(refusal(() => paid({ clearingSystem: 'TGT' }))).toMatch(/clearing system/);
    const entries = [entry(1, 10n ** 14n)];
    expect(refusal(() => paid({ profile: 'cbpr' }, { entries }))).toMatch(/14 digits/);
  });

  it('names an agent with a BIC by that alone, for no network in particular too', () => {
    const of = (path: string) => texts('pacs.009.001.08', paid({}), path);
    expect(of('//d:BICFI')).toEqual(['AURASESS', 'BORESESS']);
    expect(of('//d:FinInstnId/d:Nm')).toEqual([]);
  });
});

describe('csv', () => {
  it('has a row an entry with the balance after it, of any asset', () => {
    const rows = csv(statement({ asset: '7:POINTS' as Asset, exponent: 0 })).split('\r\n');
    expect(rows[0]).toBe(csvColumns.join());
    expect(rows.slice(1, -1).map((row) => row.split(',').slice(0, 6))).toEqual([
      ['opening', 'tandem:1:2:7:POINTS', '7:POINTS', '2026-11-23T10:00:00.000Z', '', '5000'],
      ['entry', 'tandem:1:2:7:POINTS', '7:POINTS', '2026-11-23T10:00:00.000Z', '12050', '17050'],
      ['entry', 'tandem:1:2:7:POINTS', '7:POINTS', '2026-11-23T10:00:05.000Z', '-2000', '15050'],
      ['closing', 'tandem:1:2:7:POINTS', '7:POINTS', '2026-11-24T09:59:59.999Z', '', '15050'],
    ]);
    expect(rows.at(-1)).toBe('');
  });
});

describe('readPeriod', () => {
  it('takes each booking with the counterparty once, before, in and after the period, in booking order', async () => {
    const { store, payments } = await makeWorld();
    const third = 3 as OperatorId;
    const commits = [
      [operation({ pair: pairId(9), amount: amount(120) }), later(10)],
      [operation({ pair: pairId(8), leg: 'second', action: 'credit', user: shop, amount: amount(20) }), later(20)],
      [operation({ pair: pairId(7), amount: amount(1), fee: amount(5) }), later(30)],
      [operation({ pair: pairId(6), amount: amount(50), counterparty: third }), later(20)],
      [operation({ pair: pairId(5), amount: amount(50), counterparty: own }), later(20)],
      [operation({ pair: pairId(4), amount: amount(3) }), later(40)],
    ] as const;
    await store.transact((tx) => {
      for (const [each, at] of commits) {
        payments.hold(tx, each, now);
        payments.commit(tx, each, at);
      }
      payments.hold(tx, operation({ pair: pairId(3) }), now);
      payments.hold(tx, operation({ pair: pairId(2) }), now);
      payments.release(tx, pairId(2), 'first', later(20));
    });
    const period = await readPeriod(store, peer, sek, later(20), later(40));
    expect(period.entries.map(({ pair, leg, amount: value, at }) => [pair, leg, value, at])).toEqual([
      [pairId(8), 'second', -20n, later(20)],
      [pairId(7), 'first', 1n, later(30)],
    ]);
    expect(period).toMatchObject({ opening: 120n, closing: 101n, total: 104n });
    const position = await store.transact((tx) => payments.positions(tx).find(({ operator }) => operator === peer));
    expect(position?.balance).toBe('104');
    expect(await store.transact((tx) => payments.balances(tx, ada))).toHaveLength(1);
  });
});
