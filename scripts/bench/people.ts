/** Many users of each operator, with money enough for any run. */
import type { Amount, Asset, Msisdn } from '../../operator-node/model/ids.ts';
import type { DevnetPerson } from '../devnet/users.ts';

const sek = 'SEK' as Asset;
const plenty = '1000000000000' as Amount;

/** In the first of its ranges. */
export function people(operator: string, [range = '']: readonly string[], count: number): DevnetPerson[] {
  const prefix = `${range}9`;
  return Array.from({ length: count }, (_, index) => ({
    operator,
    user: {
      number: `${prefix}${String(index).padStart(5, '0')}` as Msisdn,
      name: `${operator[0]?.toUpperCase()}${operator.slice(1)} ${index}`,
      language: 'en',
      kind: 'person' as const,
      assets: [sek],
      joined: true,
      autoAccept: false,
      goods: [],
    },
    deposits: [{ asset: sek, amount: plenty }],
  }));
}
