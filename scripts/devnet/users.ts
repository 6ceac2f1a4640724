/** Who lives on a devnet. Amounts are minor units. */
import type { NewUser } from '../../operator-node/users/particulars.ts';
import type { Amount, Asset } from '../../operator-node/model/ids.ts';
import { defaultDescription } from './description.ts';

export interface DevnetPerson {
  /** Handle of the operator. */
  readonly operator: string;
  readonly user: NewUser;
  /** Paid in before the first message. */
  readonly deposits: readonly { readonly asset: Asset; readonly amount: Amount }[];
}

/** The users of the devnet's own description. */
export const devnetUsers: readonly DevnetPerson[] = defaultDescription.users;
