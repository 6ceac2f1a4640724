/**
 * ISO 20022 `pacs.009.001.08`, financial institution credit transfer: the servicer of the account pays its owner what the
 * entries of the period come to. Only a payer instructs a payment: where the net is the other way, it is the other's.
 */
import { TandemError } from '../errors.ts';
import { uetrOf } from './ids.ts';
import { agent } from './institution.ts';
import { checkCurrency, isoAmount } from './money.ts';
import { accountOf, instant, lastInstant, type Statement } from './statement.ts';
import { document, leaf, node } from './xml.ts';

export const pacs009Namespace = 'urn:iso:std:iso:20022:tech:xsd:pacs.009.001.08';

/** @throws {TandemError} `unprocessable` for an asset or amount that ISO 20022 cannot say, or where nothing is to be paid */
export function pacs009(statement: Statement): Generator<string> {
  const { reference, servicer, owner, asset, exponent, from, created, opening, closing } = statement;
  checkCurrency(asset, exponent);
  const net = closing - opening;
  if (net <= 0n) {
    const found = net === 0n ? 'Nothing is to be paid' : `${owner.name} is to pay ${isoAmount(net, exponent)} ${asset}`;
    throw new TandemError(
      'unprocessable',
      `${found} for this period: only the operator that pays instructs a payment.`,
      {
        facts: { net: `${net}`, asset },
      },
    );
  }
  const at = instant(created);
  return document(pacs009Namespace, 'FICdtTrf', () => [
    node('GrpHdr', [
      leaf('MsgId', reference),
      leaf('CreDtTm', at),
      leaf('NbOfTxs', '1'),
      node('SttlmInf', [leaf('SttlmMtd', 'CLRG')]),
    ]),
    node('CdtTrfTxInf', [
      node('PmtId', [
        leaf('InstrId', reference),
        leaf('EndToEndId', reference),
        leaf('TxId', reference),
        leaf('UETR', uetrOf(reference)),
      ]),
      leaf('IntrBkSttlmAmt', isoAmount(net, exponent), { Ccy: asset }),
      leaf('IntrBkSttlmDt', at.slice(0, 10)),
      agent('Dbtr', servicer),
      agent('Cdtr', owner),
      node('RmtInf', [leaf('Ustrd', `${accountOf(statement)} ${instant(from)} to ${lastInstant(statement)}`)]),
    ]),
  ]);
}
