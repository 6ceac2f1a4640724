/** ISO 20022 `camt.053.001.08`, bank to customer statement: the servicer of a position account tells its owner. */
import type { PositionEntry } from './entries.ts';
import { uetrOf } from './ids.ts';
import { agent, party } from './institution.ts';
import { checkCurrency, isoAmount } from './money.ts';
import { accountOf, instant, lastInstant, type Statement } from './statement.ts';
import { begin, document, end, leaf, node, type Xml } from './xml.ts';

const camt053Namespace = 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08';

/** Nothing at all counts as a credit. */
const side = (amount: bigint): 'CRDT' | 'DBIT' => (amount < 0n ? 'DBIT' : 'CRDT');

/** In UTC. A day and no moment: several programs that import statements read nothing else. */
const dayOf = (moment: string): string => moment.slice(0, 10);

type Money = Pick<Statement, 'asset' | 'exponent'>;

const amountOf = ({ asset, exponent }: Money, minor: bigint): Xml =>
  leaf('Amt', isoAmount(minor, exponent), { Ccy: asset });

const balance = (statement: Statement, code: 'OPBD' | 'CLBD', minor: bigint, at: string): Xml =>
  node('Bal', [
    node('Tp', [node('CdOrPrtry', [leaf('Cd', code)])]),
    amountOf(statement, minor),
    leaf('CdtDbtInd', side(minor)),
    node('Dt', [leaf('Dt', dayOf(at))]),
  ]);

function summary({ entries, exponent }: Statement): Xml {
  const count = { CRDT: 0, DBIT: 0 };
  const sum = { CRDT: 0n, DBIT: 0n };
  for (const { amount } of entries) {
    count[side(amount)] += 1;
    sum[side(amount)] += amount < 0n ? -amount : amount;
  }
  const net = sum.CRDT - sum.DBIT;
  const totals = (name: string, number: number, total: bigint, more: readonly Xml[] = []): Xml =>
    node(name, [leaf('NbOfNtries', `${number}`), leaf('Sum', isoAmount(total, exponent)), ...more]);
  return node('TxsSummry', [
    totals('TtlNtries', entries.length, sum.CRDT + sum.DBIT, [
      node('TtlNetNtry', [leaf('Amt', isoAmount(net, exponent)), leaf('CdtDbtInd', side(net))]),
    ]),
    totals('TtlCdtNtries', count.CRDT, sum.CRDT),
    totals('TtlDbtNtries', count.DBIT, sum.DBIT),
  ]);
}

/** Payments, a credit transfer received or issued for the owner, booked here. */
const transactionCode = (amount: bigint, service: string): Xml =>
  node('BkTxCd', [
    node('Domn', [
      leaf('Cd', 'PMNT'),
      node('Fmly', [leaf('Cd', amount < 0n ? 'ICDT' : 'RCDT'), leaf('SubFmlyCd', 'BOOK')]),
    ]),
    node('Prtry', [leaf('Cd', service), leaf('Issr', 'tandem')]),
  ]);

function entryOf(money: Money, { reference, number, service, text, at, amount }: PositionEntry): Xml {
  return node('Ntry', [
    leaf('NtryRef', `${reference}.${number}`),
    amountOf(money, amount),
    leaf('CdtDbtInd', side(amount)),
    node('Sts', [leaf('Cd', 'BOOK')]),
    node('BookgDt', [leaf('Dt', dayOf(instant(at)))]),
    node('ValDt', [leaf('Dt', dayOf(instant(at)))]),
    leaf('AcctSvcrRef', reference),
    transactionCode(amount, service),
    node('NtryDtls', [
      node('TxDtls', [
        node('Refs', [leaf('EndToEndId', reference), leaf('UETR', uetrOf(reference)), leaf('TxId', reference)]),
        amountOf(money, amount),
        leaf('CdtDbtInd', side(amount)),
        leaf('AddtlTxInf', `${text}, booked ${instant(at)}`),
      ]),
    ]),
  ]);
}

/** In pieces, at least one an entry. @throws {TandemError} `unprocessable` for an asset or an amount that ISO 20022 cannot say */
export function camt053(statement: Statement): Generator<string> {
  const { reference, servicer, owner, asset, exponent, from, created, opening, entries, closing } = statement;
  checkCurrency(asset, exponent);
  const first = instant(from);
  const last = lastInstant(statement);
  const header = node('GrpHdr', [leaf('MsgId', reference), leaf('CreDtTm', instant(created))]);
  return document(camt053Namespace, 'BkToCstmrStmt', function* () {
    yield header;
    yield begin('Stmt');
    yield leaf('Id', reference);
    yield leaf('CreDtTm', instant(created));
    yield node('FrToDt', [leaf('FrDtTm', first), leaf('ToDtTm', last)]);
    yield node('Acct', [
      node('Id', [node('Othr', [leaf('Id', accountOf(statement))])]),
      leaf('Ccy', asset),
      party('Ownr', owner),
      agent('Svcr', servicer),
    ]);
    yield balance(statement, 'OPBD', opening, first);
    yield balance(statement, 'CLBD', closing, last);
    yield summary(statement);
    for (const entry of entries) yield entryOf({ asset, exponent }, entry);
    yield end('Stmt');
  });
}
