/** The channel to everybody: to oneself over the loopback, to others over the network; each call is told. */
import type { Channel, PeerHandlers } from '../channel/channel.ts';
import type { KnownForms } from '../channel/forms.ts';
import { createLoopback, withLoopback } from '../channel/loopback.ts';
import type { PeerRegistry } from '../chain/chain.ts';
import type { NodeParts } from './node-parts.ts';

export interface PeerChannel {
  readonly channel: Channel;
  /** From here on this node answers itself. */
  readonly answerWith: (handlers: PeerHandlers) => void;
}

export function peerChannel(
  { config, remote, onPeerCall }: Pick<NodeParts, 'config' | 'remote' | 'onPeerCall'>,
  peers: PeerRegistry,
  forms: KnownForms,
): PeerChannel {
  const others = remote(peers, forms);
  const { id } = config.operator;
  let everyone = others;
  return {
    channel: {
      call: async (peer, method, request) => {
        try {
          const answer = await everyone.call(peer, method, request);
          onPeerCall?.(method, undefined);
          return answer;
        } catch (error) {
          onPeerCall?.(method, error);
          throw error;
        }
      },
      close: () => everyone.close(),
    },
    answerWith(handlers) {
      everyone = withLoopback(id, createLoopback(id, handlers, forms), others);
    },
  };
}
