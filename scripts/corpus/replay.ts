/** Made-up messages read by the shipped catalogue, and what a reading looks like in the corpus. */
import { join } from 'node:path';
import type { Reading } from '../../operator-node/analysis/analysis.ts';
import { loadCatalogue } from '../../operator-node/analysis/load.ts';
import type { Asset, Msisdn } from '../../operator-node/model/ids.ts';
import { addressee, assets, serviceNumber, writer, type MadeMessage } from './messages.ts';

export type Message = Pick<MadeMessage, 'text' | 'language' | 'asset' | 'toService'>;

const analysis = loadCatalogue(join(import.meta.dirname, '../../catalogue/services.yaml'), {
  assets: assets.map(({ asset, exponent }) => ({ asset: asset as Asset, exponent })),
});

export function readMessage({ text, language, asset, toService }: Message): Reading {
  const from = { number: writer as Msisdn, language, asset: asset as Asset };
  return analysis.read({ from, to: (toService ? serviceNumber : addressee) as Msisdn, text }, toService);
}

/** What the reading does wrong, or undefined. */
export function faultOf({ meant, must }: MadeMessage, reading: Reading): string | undefined {
  if (reading.kind === 'refusal') return must === 'read' ? `refused with ${reading.text}` : undefined;
  if (reading.kind !== 'order') return `read as ${reading.kind}`;
  if (must === 'refused') return 'read, though it can be meant otherwise';
  const { service, to, money } = reading;
  const isMeant =
    service === meant.service && to === meant.to && money?.asset === meant.asset && money.amount === meant.amount;
  return isMeant ? undefined : `read as ${describe(reading)}`;
}

const moneyOf = (money: { asset: string; amount: string } | undefined): string =>
  money === undefined ? '-' : `${money.amount} ${money.asset}`;

/** A reading on one line: `order pay 12000 SEK +46… "lunch"`, `refusal bad-amount {"amount":…}`. */
export function describe(reading: Reading): string {
  switch (reading.kind) {
    case 'order':
      return `order ${reading.service} ${moneyOf(reading.money)} ${reading.to} ${JSON.stringify(reading.note)}`;
    case 'refund':
      return `refund ${reading.code ?? '-'} ${moneyOf(reading.amount)} ${reading.to ?? '-'} ${JSON.stringify(reading.note)}`;
    case 'refusal':
      return `refusal ${reading.text} ${JSON.stringify(reading.params)}`;
    case 'pass':
      return 'pass';
    case 'answer':
      return `answer ${reading.yes ? 'yes' : 'no'} ${reading.code ?? '-'}`;
    case 'cancel':
      return `cancel ${reading.code ?? '-'}`;
    case 'command':
      return `command ${reading.command}`;
  }
}
