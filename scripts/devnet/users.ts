/** Who lives on the devnet. Amounts are minor units. */
import type { NewUser } from '../../operator-node/api/services.ts';
import type { Amount, Asset, Msisdn } from '../../operator-node/model/ids.ts';

export interface DevnetPerson {
  /** Handle of the operator. */
  readonly operator: string;
  readonly user: NewUser;
  /** Paid in before the first message. */
  readonly deposits: readonly { readonly asset: Asset; readonly amount: Amount }[];
}

interface Sketch {
  readonly operator: string;
  readonly number: string;
  readonly name: string;
  readonly language: string;
  readonly kind?: 'person' | 'machine';
  readonly money: Readonly<Record<string, string>>;
  readonly autoAccept?: boolean;
  readonly goods?: readonly {
    readonly item: string;
    readonly label: string;
    readonly price: string;
    readonly codes: readonly string[];
  }[];
}

const sek = 'SEK' as Asset;

function person(sketch: Sketch): DevnetPerson {
  const assets = Object.keys(sketch.money) as Asset[];
  return {
    operator: sketch.operator,
    user: {
      number: sketch.number as Msisdn,
      name: sketch.name,
      language: sketch.language,
      kind: sketch.kind ?? 'person',
      assets,
      joined: true,
      autoAccept: sketch.autoAccept ?? sketch.kind === 'machine',
      goods: (sketch.goods ?? []).map((entry) => ({ ...entry, asset: sek, price: entry.price as Amount })),
    },
    deposits: assets.flatMap((asset) => {
      const amount = sketch.money[asset] ?? '0';
      return amount === '0' ? [] : [{ asset, amount: amount as Amount }];
    }),
  };
}

const slots = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${1000 + index * 37}`);

export const devnetUsers: readonly DevnetPerson[] = [
  person({
    operator: 'aurora',
    number: '+46701740611',
    name: 'Anna Berg',
    language: 'en',
    money: { SEK: '500000', EUR: '20000' },
  }),
  person({
    operator: 'aurora',
    number: '+46701740612',
    name: 'Björn Dahl',
    language: 'sv',
    money: { SEK: '150000' },
  }),
  person({
    operator: 'aurora',
    number: '+46701740613',
    name: 'Café Norr',
    language: 'sv',
    autoAccept: true,
    money: { SEK: '100000', EUR: '0' },
    goods: [
      { item: '1', label: 'a coffee', price: '3200', codes: slots('CUP', 20) },
      { item: '2', label: 'a cinnamon bun', price: '2800', codes: slots('BUN', 1) },
    ],
  }),
  person({
    operator: 'borealis',
    number: '+46701740651',
    name: 'Elin Falk',
    language: 'sv',
    money: { SEK: '200000', EUR: '15000' },
  }),
  person({
    operator: 'borealis',
    number: '+46701740652',
    name: 'George Hill',
    language: 'en',
    money: { SEK: '80000' },
  }),
  person({
    // Ported: the number lies in aurora's range.
    operator: 'borealis',
    number: '+46701740620',
    name: 'Ida Juhl',
    language: 'sv',
    money: { SEK: '30000', EUR: '5000' },
  }),
  person({
    operator: 'borealis',
    number: '+46701740659',
    name: 'Platform 4',
    language: 'en',
    kind: 'machine',
    money: { SEK: '0' },
    goods: [
      { item: '11', label: 'a bottle of water', price: '2500', codes: slots('W', 30) },
      { item: '12', label: 'a bag of crisps', price: '3000', codes: slots('C', 1) },
    ],
  }),
];
