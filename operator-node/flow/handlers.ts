/** What this operator answers its peers: each method of the channel, and the step that answers it. */
import type { PeerHandlers } from '../channel/channel.ts';
import { answerSealed } from '../recovery/sealed.ts';
import { answerCountersign, answerOffer } from './anchor.ts';
import { answerErased } from '../erasure/notice.ts';
import type { FlowContext } from './context.ts';
import { answerOutcome } from './outcome.ts';
import { answerCancel, answerProposals, answerQuote, answerWithdraw } from './propose.ts';
import { deliverForwarded } from './receive.ts';
import { answerWindow } from './windows/answer.ts';
import { answerCompare } from './windows/locate.ts';

export function createHandlers(flow: FlowContext): PeerHandlers {
  return {
    hello: (from, request) => flow.greetings.answer(from, request),
    quote: (from, request) => answerQuote(flow, from, request),
    propose: (from, request) => answerProposals(flow, from, request),
    offer: (from, request) => answerOffer(flow, from, request),
    countersign: (from, request) => answerCountersign(flow, from, request),
    withdraw: (from, request) => answerWithdraw(flow, from, request),
    cancel: (from, request) => answerCancel(flow, from, request),
    outcome: (from, request) => answerOutcome(flow, from, request),
    window: (from, request) => answerWindow(flow, from, request),
    compare: (from, request) => answerCompare(flow, from, request),
    erased: (from, request) => answerErased(flow, from, request),
    sealed: (from, request) => answerSealed(flow, from, request),
    forward: (from, request) => deliverForwarded(flow, from, request),
  };
}
