/** Who lives on a chaos devnet: people with money, one an operator with hardly any, sellers that accept by themselves. */
import type { Amount, Asset, Msisdn } from '../../operator-node/model/ids.ts';
import type { OperatorPlan } from '../devnet/description.ts';
import type { DevnetPerson } from '../devnet/users.ts';

const sek = 'SEK' as Asset;
const pieces = 4_000;

function person(operator: string, number: string, name: string, balance: string): DevnetPerson {
  return {
    operator,
    user: {
      number: number as Msisdn,
      name,
      language: 'en',
      kind: 'person',
      assets: [sek],
      joined: true,
      autoAccept: false,
      goods: [],
    },
    deposits: [{ asset: sek, amount: balance as Amount }],
  };
}

function seller(operator: string, number: string, name: string): DevnetPerson {
  const { user } = person(operator, number, name, '0');
  const item = (code: string, label: string, price: string, count: number) => ({
    item: code,
    label,
    asset: sek,
    price: price as Amount,
    codes: Array.from({ length: count }, (_, index) => `${code}-${index}`),
  });
  return {
    operator,
    user: {
      ...user,
      kind: 'machine',
      autoAccept: true,
      goods: [item('11', 'a bottle of water', '2500', pieces), item('12', 'a bag of crisps', '3000', 3)],
    },
    deposits: [],
  };
}

/** A number of that operator which nobody has. */
export const nobodyAt = ({ numbers: [range = ''] }: OperatorPlan): string => `${range}999999`;

export function population(operators: readonly OperatorPlan[], peopleASide: number): readonly DevnetPerson[] {
  return operators.flatMap(({ handle: operator, numbers: [range = ''] }) => {
    const number = (index: number): string => `${range}9${String(index).padStart(5, '0')}`;
    const name = `${operator.charAt(0).toUpperCase()}${operator.slice(1)}`;
    return [
      ...Array.from({ length: peopleASide }, (_, index) =>
        person(operator, number(index), `${name} ${index}`, '1000000000'),
      ),
      // Not enough for most of what it orders and is asked for.
      person(operator, number(90_000), `${name} Poor`, '700'),
      seller(operator, number(90_001), `${name} Machine`),
    ];
  });
}
