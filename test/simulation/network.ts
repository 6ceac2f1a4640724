/** The network between operators: requests and answers that are lost, doubled, late, out of order; links that are cut one way. */
import type { Channel, PeerHandlers } from '../../operator-node/channel/channel.ts';
import type { Answer, Method, Request } from '../../operator-node/channel/messages.ts';
import { checkAnswer, checkRequest } from '../../operator-node/channel/wire.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import type { Chance } from './random.ts';
import type { Time } from './time.ts';

/** One process at one end of the network. */
export interface Station {
  readonly operator: OperatorId;
  /** Runs it when this process can run it; never for one that is gone. */
  gate(action: () => void): void;
  readonly handlers: PeerHandlers;
  /** A request leaves; false: the process is gone before it does. */
  asks<M extends Method>(peer: OperatorId, method: M, request: Request<M>): boolean;
  /** An answer leaves; false likewise. */
  answers<M extends Method>(peer: OperatorId, method: M, answer: Answer<M>): boolean;
}

export type NetworkFault = 'message-lost' | 'message-doubled' | 'message-late' | 'link-cut';

export interface NetworkOptions {
  readonly time: Time;
  readonly chance: Chance;
  /** Requests and answers are checked and copied as those of a real channel are. */
  readonly checked: boolean;
  /** What this operator sends is checked and copied in any case: it may be nothing that an honest node would send. */
  readonly suspects?: (operator: OperatorId) => boolean;
  /** The process of an operator, while there is one. */
  readonly stationOf: (operator: OperatorId) => Station | undefined;
  /** True: the request does not arrive, or not now. */
  readonly waylays?: (from: OperatorId, to: OperatorId, method: Method, request: unknown) => boolean;
  readonly fired: (fault: NetworkFault, from: OperatorId, to: OperatorId) => void;
  /** What is sent of what its node wants to say: an operator may lie, or be of another version of the protocol. */
  readonly said: <M extends Method>(
    from: OperatorId,
    to: OperatorId,
    method: M,
    request: Request<M>,
  ) => readonly Request<M>[];
  readonly replied: <M extends Method>(
    from: OperatorId,
    to: OperatorId,
    method: M,
    request: Request<M>,
    answer: Answer<M>,
  ) => Answer<M>;
}

const answerMillis = 5_000;

const unavailable = (peer: OperatorId, why: string): TandemError =>
  new TandemError('peer-unavailable', `Operator ${peer}: ${why}`);

export class ModelNetwork {
  loss = 0;
  doubled = 0;
  late = 0;
  lateMillis = 20_000;
  latencyMillis = 5;
  /** Two versions were spoken at some time. */
  versionsDiffered = false;
  readonly #cut = new Set<string>();
  readonly #differing = new Set<string>();
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Nothing of `from` comes to `to` any more. */
  cut(from: OperatorId, to: OperatorId): void {
    this.#cut.add(`${from}!${to}`);
  }

  mend(from: OperatorId, to: OperatorId): void {
    this.#cut.delete(`${from}!${to}`);
  }

  /** Each refuses whatever the other asks, since it is of another version. */
  differ(a: OperatorId, b: OperatorId): void {
    this.versionsDiffered = true;
    this.#differing.add(`${a}!${b}`).add(`${b}!${a}`);
  }

  agree(a: OperatorId, b: OperatorId): void {
    this.#differing.delete(`${a}!${b}`);
    this.#differing.delete(`${b}!${a}`);
  }

  heal(): void {
    this.#cut.clear();
    this.#differing.clear();
    this.loss = 0;
    this.doubled = 0;
    this.late = 0;
  }

  channel(station: () => Station): Channel {
    return {
      call: (peer, method, request) => this.#call(station(), peer, method, request),
      close: () => Promise.resolve(),
    };
  }

  #checks(speaker: OperatorId): boolean {
    return this.#options.checked || this.#options.suspects?.(speaker) === true;
  }

  #call<M extends Method>(asker: Station, peer: OperatorId, method: M, request: Request<M>): Promise<Answer<M>> {
    return new Promise((resolve, reject) => {
      if (!asker.asks(peer, method, request)) return;
      const end = (settle: () => void): void => {
        cancel();
        asker.gate(settle);
      };
      const cancel = this.#options.time.after(answerMillis, () => {
        end(() => {
          reject(unavailable(peer, 'no answer in time'));
        });
      });
      const answered = (answer: Answer<M>): void => {
        end(() => {
          try {
            resolve(this.#checks(peer) ? checkAnswer(peer, method, request, copied(answer)) : answer);
          } catch (error) {
            reject(error);
          }
        });
      };
      const refused = (error: unknown): void => {
        end(() => {
          reject(asRefused(peer, error));
        });
      };
      this.#options.said(asker.operator, peer, method, request).forEach((said, index) => {
        const sent = this.#checks(asker.operator) ? copied(checkRequest(method, copied(said))) : said;
        if (index === 0) this.#ask(asker, peer, method, sent, answered, refused);
        else this.#ask(asker, peer, method, sent, ignored, ignored);
      });
    });
  }

  #ask<M extends Method>(
    asker: Station,
    peer: OperatorId,
    method: M,
    sent: Request<M>,
    answered: (answer: Answer<M>) => void,
    refused: (error: unknown) => void,
  ): void {
    this.#carry(asker.operator, peer, () => {
      const answerer = this.#options.stationOf(peer);
      if (answerer === undefined) {
        refused(unavailable(peer, 'connection refused'));
        return;
      }
      if (this.#differing.has(`${asker.operator}!${peer}`)) {
        this.#carry(peer, asker.operator, () => {
          refused(new TandemError('bad-request', 'The request is of version 2; this operator speaks version 1'));
        });
        return;
      }
      answerer.gate(() => {
        if (this.#options.waylays?.(asker.operator, peer, method, sent) === true) return;
        answerer.handlers[method](asker.operator, sent).then(
          (answer) => {
            if (!answerer.answers(asker.operator, method, answer)) return;
            const said = this.#options.replied(peer, asker.operator, method, sent, answer);
            this.#carry(peer, asker.operator, () => {
              answered(said);
            });
          },
          (error: unknown) => {
            this.#carry(peer, asker.operator, () => {
              refused(error);
            });
          },
        );
      });
    });
  }

  /** One message one way: not at all, once, twice, or late. */
  #carry(from: OperatorId, to: OperatorId, arrives: () => void): void {
    const { chance, time, fired } = this.#options;
    const latency = (): number => chance.between(1, this.latencyMillis);
    if (this.#cut.has(`${from}!${to}`)) {
      fired('link-cut', from, to);
      return;
    }
    if (chance.happens(this.loss)) {
      fired('message-lost', from, to);
      return;
    }
    if (chance.happens(this.late)) {
      fired('message-late', from, to);
      time.after(chance.between(100, this.lateMillis), arrives);
    } else time.after(latency(), arrives);
    if (chance.happens(this.doubled)) {
      fired('message-doubled', from, to);
      time.after(chance.happens(0.5) ? latency() : chance.between(100, this.lateMillis), arrives);
    }
  }
}

const ignored = (): void => undefined;

const copied = <T>(message: T): T => JSON.parse(JSON.stringify(message)) as T;

/** What a refusal or fault of the peer is to the caller. */
function asRefused(peer: OperatorId, error: unknown): TandemError {
  if (error instanceof TandemError && error.status < 500) return error;
  return unavailable(peer, error instanceof Error ? error.message : String(error));
}
