/**
 * ISO 20022 `pacs.009.001.08`, financial institution credit transfer: the servicer of the account pays its owner what the
 * entries of the period come to, or what one pair of it does, under that pair's own references. Only a payer instructs a
 * payment: where the net is the other way, it is the other's.
 */
import { TandemError } from '../errors.ts';
import type { Asset, PairId, UnixMillis } from '../model/ids.ts';
import { referenceOf, uetrOf, type Reference } from './ids.ts';
import { agent, networkAgent } from './institution.ts';
import { checkCurrency, isoAmount } from './money.ts';
import { accountOf, instant, lastInstant, type Institution, type Statement } from './statement.ts';
import { document, leaf, node, type Xml } from './xml.ts';

const pacs009Namespace = 'urn:iso:std:iso:20022:tech:xsd:pacs.009.001.08';

/** What a network asks for beyond the schema: payments across borders (CBPR+), and through an RTGS (HVPS+). */
export const paymentProfiles = ['cbpr', 'hvps'] as const;
export type PaymentProfile = (typeof paymentProfiles)[number];

/** Which network the document is for, where it is for one. */
export interface ForNetwork {
  readonly profile?: PaymentProfile | undefined;
  /** ISO 20022 `ExternalCashClearingSystem1Code`, such as TGT: with `hvps`. */
  readonly clearingSystem?: string | undefined;
}

interface Paid {
  readonly reference: Reference;
  /** Minor units; above zero the servicer pays. */
  readonly net: bigint;
  /** What for. */
  readonly told: string;
}

const paidForPeriod = (statement: Statement): Paid => ({
  reference: statement.reference,
  net: statement.closing - statement.opening,
  told: `${instant(statement.from)} to ${lastInstant(statement)}`,
});

function paidForPair({ entries }: Statement, pair: PairId): Paid {
  const own = entries.filter((entry) => entry.pair === pair);
  if (own.length === 0) throw new TandemError('not-found', `Pair ${pair} has no booking in this period.`);
  return {
    reference: referenceOf(pair),
    net: own.reduce((sum, { amount }) => sum + amount, 0n),
    told: `pair ${pair}`,
  };
}

/**
 * @throws {TandemError} `not-found` for a pair that the period has not; `unprocessable` for an asset or amount that ISO
 * 20022 cannot say, or where nothing is to be paid
 */
export function pacs009(statement: Statement, pair?: PairId, network: ForNetwork = {}): Generator<string> {
  const { servicer, owner, asset, exponent, created } = statement;
  checkCurrency(asset, exponent);
  const { reference, net, told } = pair === undefined ? paidForPeriod(statement) : paidForPair(statement, pair);
  if (net <= 0n) {
    const found = net === 0n ? 'Nothing is to be paid' : `${owner.name} is to pay ${isoAmount(net, exponent)} ${asset}`;
    throw new TandemError('unprocessable', `${found} for ${told}: only the operator that pays instructs a payment.`, {
      facts: { net: `${net}`, asset },
    });
  }
  return payment({
    reference,
    payer: servicer,
    payee: owner,
    asset,
    exponent,
    amount: net,
    created,
    text: `${accountOf(statement)} ${told}`,
    network,
  });
}

/** What a settlement window comes to in one asset: the net that both operators have signed. */
export interface WindowNet extends Omit<Payment, 'text' | 'network'> {
  readonly network?: ForNetwork;
  readonly window: number;
}

/** @throws {TandemError} `unprocessable` as `pacs009`: for an amount that is not above zero the other operator pays */
export function pacs009OfWindow({ window, network = {}, ...net }: WindowNet): Generator<string> {
  const { asset, exponent, amount, payer, payee } = net;
  checkCurrency(asset, exponent);
  if (amount <= 0n) {
    const found =
      amount === 0n ? 'Nothing is to be paid' : `${payee.name} is to pay ${isoAmount(amount, exponent)} ${asset}`;
    throw new TandemError('unprocessable', `${found} for window ${window}: only the operator that pays instructs it.`, {
      facts: { net: `${amount}`, asset },
    });
  }
  return payment({ ...net, network, text: `tandem:${payer.operator}:${payee.operator}:${asset} window ${window}` });
}

interface Payment {
  readonly reference: Reference;
  readonly payer: Institution;
  readonly payee: Institution;
  readonly asset: Asset;
  readonly exponent: number;
  /** Above zero. */
  readonly amount: bigint;
  readonly created: UnixMillis;
  readonly text: string;
  readonly network: ForNetwork;
}

/** Of an amount in CBPR+. */
const maxNetworkDigits = 14;
/** Of `InstrId` in CBPR+. */
const maxInstructionId = 16;

/** @throws {TandemError} `unprocessable` for what the network of the profile does not take */
function checkProfile({ payer, payee, amount, network }: Payment): void {
  const { profile, clearingSystem } = network;
  const refuse = (message: string): never => {
    throw new TandemError('unprocessable', message, { facts: { profile: profile ?? '' } });
  };
  if ((profile === 'hvps') !== (clearingSystem !== undefined)) {
    refuse('Profile hvps needs the code of its clearing system, such as TGT, and nothing else takes one.');
  }
  if (profile === undefined) return;
  const [without] = [payer, payee].filter(({ bic }) => bic === undefined);
  if (without !== undefined) {
    refuse(`Profile ${profile} needs the BIC of ${without.name}: set it under institutions in the configuration.`);
  }
  if (profile === 'cbpr' && amount.toString().length > maxNetworkDigits) {
    refuse(`${amount} minor units have more than the ${maxNetworkDigits} digits of CBPR+.`);
  }
}

/** CBPR+ settles over accounts of one of the two with the other, HVPS+ and no network in particular by clearing. */
const settlementOf = ({ profile, clearingSystem }: ForNetwork): Xml =>
  node('SttlmInf', [
    leaf('SttlmMtd', profile === 'cbpr' ? 'INDA' : 'CLRG'),
    ...(clearingSystem === undefined ? [] : [node('ClrSys', [leaf('Cd', clearingSystem)])]),
  ]);

function payment(whole: Payment): Generator<string> {
  const { reference, payer, payee, asset, exponent, amount, created, text, network } = whole;
  checkProfile(whole);
  const at = instant(created);
  const named = network.profile === undefined;
  const party = named ? agent : networkAgent;
  return document(pacs009Namespace, 'FICdtTrf', () => [
    node('GrpHdr', [
      leaf('MsgId', reference),
      // Networks take an offset, and whole seconds.
      leaf('CreDtTm', named ? at : `${at.slice(0, 19)}+00:00`),
      leaf('NbOfTxs', '1'),
      settlementOf(network),
    ]),
    node('CdtTrfTxInf', [
      node('PmtId', [
        leaf('InstrId', network.profile === 'cbpr' ? reference.slice(-maxInstructionId) : reference),
        leaf('EndToEndId', reference),
        leaf('TxId', reference),
        leaf('UETR', uetrOf(reference)),
      ]),
      leaf('IntrBkSttlmAmt', isoAmount(amount, exponent), { Ccy: asset }),
      leaf('IntrBkSttlmDt', at.slice(0, 10)),
      ...(named ? [] : [party('InstgAgt', payer), party('InstdAgt', payee)]),
      party('Dbtr', payer),
      party('Cdtr', payee),
      node('RmtInf', [leaf('Ustrd', text)]),
    ]),
  ]);
}
