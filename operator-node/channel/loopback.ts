/** The channel to oneself, for pairs both of whose users are this operator's: the same messages, without a network. */
import { TandemError } from '../errors.ts';
import type { OperatorId } from '../model/ids.ts';
import type { Channel, PeerHandlers } from './channel.ts';
import { protocolForms } from './forms.ts';
import type { Answer, Method, Request } from './messages.ts';
import { checkAnswer, checkRequest } from './wire.ts';

/**
 * Requests and answers are checked as those of a peer are, and what is handed over is a copy: neither side sees the
 * other's objects. A handler runs in a later turn than the call, as a peer's would.
 */
export function createLoopback(operator: OperatorId, handlers: PeerHandlers, forms = protocolForms): Channel {
  let closed = false;
  return {
    async call<M extends Method>(peer: OperatorId, method: M, request: Request<M>): Promise<Answer<M>> {
      if (peer !== operator) {
        throw new TandemError(
          'peer-unavailable',
          `Operator ${peer} is not reached over the loopback of operator ${operator}`,
        );
      }
      if (closed) throw new TandemError('peer-unavailable', 'This node’s channel is closed');
      const asked = checkRequest(method, request, forms);
      await Promise.resolve();
      let answer: Answer<M>;
      try {
        answer = await handlers[method](operator, asked);
      } catch (cause) {
        // As a peer's fault would look: whether it acted is unknown, the same may be asked again.
        if (cause instanceof TandemError && cause.status < 500) throw cause;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new TandemError('peer-unavailable', `This node could not answer its own ${method}: ${reason}`, { cause });
      }
      return checkAnswer(operator, method, asked, answer, forms);
    },
    async close(): Promise<void> {
      closed = true;
    },
  };
}

/** One channel to everyone: to oneself over the loopback, to others over the network. Closing it closes both. */
export function withLoopback(operator: OperatorId, loopback: Channel, remote: Channel): Channel {
  return {
    call: (peer, method, request) => (peer === operator ? loopback : remote).call(peer, method, request),
    async close(): Promise<void> {
      await Promise.all([loopback.close(), remote.close()]);
    },
  };
}
