/** What this operator answers its peers: each method of the channel, and the step that answers it. */
import type { PeerHandlers } from '../channel/channel.ts';
import { TandemError } from '../errors.ts';
import { answerCountersign, answerOffer } from './anchor.ts';
import type { FlowContext } from './context.ts';
import { answerCancel, answerProposals, answerQuote, answerWithdraw } from './propose.ts';
import { deliverForwarded } from './receive.ts';

export function createHandlers(flow: FlowContext): PeerHandlers {
  const own = {
    version: 1 as const,
    operator: flow.self,
    chainId: flow.settlement.chainId.toString(),
    settlement: flow.settlement.contract.toLowerCase(),
    assets: flow.config.assets.map(({ asset, exponent }) => ({ asset, exponent })),
  };
  return {
    hello: async (from, request) => {
      if (request.operator !== from || request.chainId !== own.chainId || request.settlement !== own.settlement) {
        throw new TandemError('unprocessable', `Operator ${from} greets from another network or as another operator.`);
      }
      return own;
    },
    quote: (from, request) => answerQuote(flow, from, request),
    propose: (from, request) => answerProposals(flow, from, request),
    offer: (from, request) => answerOffer(flow, from, request),
    countersign: (from, request) => answerCountersign(flow, from, request),
    withdraw: (from, request) => answerWithdraw(flow, from, request),
    cancel: (from, request) => answerCancel(flow, from, request),
    forward: (from, request) => deliverForwarded(flow, from, request),
  };
}
