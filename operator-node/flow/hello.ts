/** As this node greets others. */
import type { Request } from '../channel/messages.ts';
import type { Config } from '../config.ts';
import type { OperatorId } from '../model/ids.ts';
import type { SettlementDomain } from '../model/records.ts';
import type { Caps } from './caps.ts';

export type Greeting = (peer: OperatorId) => Request<'hello'>;

export const helloOf =
  ({ operator, assets }: Config, settlement: SettlementDomain, caps: Caps): Greeting =>
  (peer) => ({
    version: 1,
    operator: operator.id,
    chainId: settlement.chainId.toString(),
    settlement: settlement.contract.toLowerCase(),
    assets: [...assets],
    caps: caps.toldTo(peer),
  });
