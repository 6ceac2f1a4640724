/**
 * A TCP link that can be broken: what connects to its port is connected to the target, and what flows is held up, cut,
 * slowed or thrown away as the fault in force says. Bytes are never changed: TLS and HTTP would notice, and that is
 * tested elsewhere.
 */
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** `there`: from whoever connects to the target. */
export type Way = 'there' | 'back';

export type LinkFault =
  /** Every connection is reset, and each new one. */
  | { readonly kind: 'drop' }
  /** Each piece waits so long. */
  | { readonly kind: 'delay'; readonly millis: number }
  /** Nothing comes through in that direction; connections stay open. */
  | { readonly kind: 'cut'; readonly way: Way }
  /** A few bytes at a time, both ways. */
  | { readonly kind: 'drip'; readonly bytesPerSecond: number }
  /** What is asked arrives; the connection is reset when so many bytes of the answers have come through. */
  | { readonly kind: 'lost-replies'; readonly afterBytes: number };

interface Joint {
  readonly near: Socket;
  readonly far: Socket;
  /** Since the fault in force began. */
  back: number;
}

const dripMillis = 50;

export class FaultProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #joints = new Set<Joint>();
  #fault: LinkFault | undefined;
  #changed = Promise.withResolvers();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** On a port that the system chooses. */
  static async start(targetPort: number): Promise<FaultProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FaultProxy(server);
    server.on('connection', (near) => proxy.#join(near, targetPort));
    return proxy;
  }

  get fault(): LinkFault | undefined {
    return this.#fault;
  }

  /** Breaks the link, or heals it; `reset`: what was held up on open connections is lost with them. */
  set(fault: LinkFault | undefined, reset = false): void {
    this.#fault = fault;
    if (fault?.kind === 'drop' || reset) this.#resetAll();
    for (const joint of this.#joints) joint.back = 0;
    this.#changed.resolve(undefined);
    this.#changed = Promise.withResolvers();
  }

  async close(): Promise<void> {
    this.set(undefined, true);
    this.#server.close();
    await once(this.#server, 'close');
  }

  #resetAll(): void {
    for (const joint of this.#joints) this.#reset(joint);
  }

  #reset({ near, far }: Joint): void {
    near.resetAndDestroy();
    far.resetAndDestroy();
  }

  #join(near: Socket, targetPort: number): void {
    near.on('error', () => undefined);
    if (this.#fault?.kind === 'drop') {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: targetPort, host: '127.0.0.1' });
    far.on('error', () => near.resetAndDestroy());
    near.setNoDelay(true);
    far.setNoDelay(true);
    const joint: Joint = { near, far, back: 0 };
    this.#joints.add(joint);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.once('close', () => {
        this.#joints.delete(joint);
        other.destroy();
      });
    }
    void this.#pump(joint, near, far, 'there');
    void this.#pump(joint, far, near, 'back');
  }

  async #pump(joint: Joint, from: Socket, to: Socket, way: Way): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        for (let sent = 0; sent < piece.length;) {
          const size = await this.#allowance(joint, piece.length - sent, way);
          if (to.destroyed) return;
          if (!to.write(piece.subarray(sent, sent + size))) await Promise.race([once(to, 'drain'), once(to, 'close')]);
          sent += size;
        }
      }
      to.end();
    } catch {
      this.#reset(joint);
    }
  }

  /** Waits as the fault in force says; how many bytes may go now. */
  async #allowance(joint: Joint, size: number, way: Way): Promise<number> {
    for (;;) {
      const fault = this.#fault;
      if (fault === undefined || fault.kind === 'drop') return size;
      if (fault.kind === 'cut') {
        if (fault.way !== way) return size;
        await this.#changed.promise;
        continue;
      }
      if (fault.kind === 'delay') {
        await Promise.race([sleep(fault.millis), this.#changed.promise]);
        return size;
      }
      if (fault.kind === 'drip') {
        await sleep(dripMillis);
        return Math.min(size, Math.max(1, Math.round((fault.bytesPerSecond * dripMillis) / 1000)));
      }
      if (way === 'there') return size;
      joint.back += size;
      if (joint.back > fault.afterBytes) throw new Error('lost');
      return size;
    }
  }
}
