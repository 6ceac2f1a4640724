/**
 * An endpoint of the chain that can be told to misbehave while it runs: a JSON-RPC proxy in front of the devnet's chain.
 * In a process of its own it is told over HTTP (`PUT /behaviour`), in a harness by `behave`.
 *
 *   node scripts/run.mjs scripts/devnet/endpoint-proxy.ts --target URL --ports 7446,7447,7448
 *   node scripts/run.mjs scripts/devnet/endpoint-proxy.ts --at http://127.0.0.1:7447 --behave '{"kind":"lying-head","blocks":1000}'
 */
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseBehaviour, type Behaviour } from './behaviour.ts';

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

interface Answer {
  readonly jsonrpc: '2.0';
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

type Fields = Readonly<Record<string, unknown>>;

/** A node gives up on an answer after some seconds; a connection that is held for longer holds nobody. */
const silenceMillis = 120_000;
const dayInSeconds = 86_400;
/** Tags of a block that moves. */
const moving = new Set<unknown>(['latest', 'pending', 'safe', 'finalized']);
/** Where a method names the block that it is about. */
const blockParameter: Readonly<Record<string, number>> = {
  eth_getBlockByNumber: 0,
  eth_getBlockReceipts: 0,
  eth_call: 1,
  eth_estimateGas: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getTransactionCount: 1,
  eth_feeHistory: 1,
  eth_getStorageAt: 2,
};

const hex = (value: number): string => `0x${value.toString(16)}`;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const ok = (id: unknown, result: unknown): Answer => ({ jsonrpc: '2.0', id, result });
const failed = (id: unknown, code: number, message: string): Answer => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
});

export class EndpointProxy {
  readonly port: number;
  readonly url: string;
  /** Requests that came, whatever became of them. */
  requests = 0;
  readonly #server: Server;
  readonly #target: string;
  #behaviour: Behaviour = { kind: 'honest' };

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** `port` 0: one that the system chooses. */
  static async start({
    target,
    port = 0,
  }: {
    readonly target: string;
    readonly port?: number;
  }): Promise<EndpointProxy> {
    const server = createServer();
    server.keepAliveTimeout = 60_000;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new EndpointProxy(server, target);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void proxy.#serve(request, response).catch((error: unknown) => {
        // The chain behind it does not answer: neither does this.
        if (!response.headersSent) response.writeHead(502, { 'content-type': 'text/plain' });
        response.end(`${String(error)}\n`);
      });
    });
    return proxy;
  }

  get behaviour(): Behaviour {
    return this.#behaviour;
  }

  /** From the next request on. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/behaviour') {
      await this.#control(request, response);
      return;
    }
    this.requests += 1;
    const behaviour = this.#behaviour;
    if (behaviour.kind === 'dead') {
      request.socket.destroy();
      return;
    }
    const body = await bodyOf(request);
    if (behaviour.kind === 'silent') {
      setTimeout(() => request.socket.destroy(), silenceMillis).unref();
      return;
    }
    if (behaviour.kind === 'slow') await sleep(behaviour.millis);
    if (behaviour.kind === 'busy') {
      const { retryAfterSeconds } = behaviour;
      const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
      response.writeHead(429, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(failed(null, -32_005, 'too many requests')));
      return;
    }
    const asked = JSON.parse(body) as Call | readonly Call[];
    const calls: readonly Call[] = Array.isArray(asked) ? (asked as readonly Call[]) : [asked as Call];
    if (behaviour.kind === 'limited' && calls.length > behaviour.calls) {
      const refusal = failed(null, -32_005, `batch of ${calls.length} calls: at most ${behaviour.calls} are taken`);
      response.writeHead(behaviour.as === 'http' ? 413 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(refusal));
      return;
    }
    const answers = await this.#answers(calls, behaviour);
    const formed = behaviour.kind === 'odd-form' ? answers.map(oddly).reverse() : answers;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(Array.isArray(asked) ? formed : formed[0]));
  }

  async #control(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'PUT') {
      try {
        this.behave(parseBehaviour(JSON.parse(await bodyOf(request))));
      } catch (error) {
        response.writeHead(400, { 'content-type': 'text/plain' }).end(`${(error as Error).message}\n`);
        return;
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(this.#behaviour)}\n`);
  }

  async #answers(calls: readonly Call[], behaviour: Behaviour): Promise<readonly Answer[]> {
    switch (behaviour.kind) {
      case 'behind':
        return this.#answersOfBefore(calls, behaviour.blocks);
      case 'lying-head':
        return (await this.#forward(calls)).map((answer, index) => aheadBy(calls[index], answer, behaviour.blocks));
      case 'lying-logs':
        return (await this.#forward(calls)).map((answer, index) =>
          calls[index]?.method === 'eth_getLogs' && Array.isArray(answer.result)
            ? ok(answer.id, behaviour.how === 'missing' ? [] : answer.result.map(forgedLog))
            : answer,
        );
      case 'lying-state':
        return (await this.#forward(calls)).map((answer, index) =>
          calls[index]?.method === 'eth_call' && typeof answer.result === 'string'
            ? ok(answer.id, otherLastByte(answer.result))
            : answer,
        );
      case 'limited':
        return this.#answersWithin(calls, behaviour.blocks);
      default:
        return this.#forward(calls);
    }
  }

  /** In the order of the calls. */
  async #forward(calls: readonly Call[]): Promise<readonly Answer[]> {
    if (calls.length === 0) return [];
    const response = await fetch(this.#target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(calls.map((call, index) => ({ jsonrpc: '2.0', ...call, id: index }))),
    });
    const answers = new Map(((await response.json()) as Answer[]).map((answer) => [answer.id, answer]));
    return calls.map(({ id, method }, index) => {
      const answer = answers.get(index);
      return answer === undefined ? failed(id, -32_603, `no answer to ${method}`) : { ...answer, id };
    });
  }

  async #ask(method: string, params: readonly unknown[]): Promise<unknown> {
    const [answer] = await this.#forward([{ id: 0, method, params }]);
    return answer?.result;
  }

  /** Logs of more blocks than `blocks` are refused call by call, as endpoints do. */
  async #answersWithin(calls: readonly Call[], blocks: number): Promise<readonly Answer[]> {
    const head = Number(await this.#ask('eth_blockNumber', []));
    const spanOf = ({ method, params: [filter] }: Call): number => {
      if (method !== 'eth_getLogs' || !isFields(filter) || filter['blockHash'] !== undefined) return 0;
      const at = (tag: unknown, otherwise: number): number =>
        tag === undefined ? otherwise : moving.has(tag) ? head : tag === 'earliest' ? 0 : Number(tag);
      return at(filter['toBlock'], head) - at(filter['fromBlock'], head) + 1;
    };
    const answers = await this.#forward(calls.filter((call) => spanOf(call) <= blocks));
    const left = [...answers];
    return calls.map((call) => {
      const span = spanOf(call);
      if (span > blocks) return failed(call.id, -32_005, `block range of ${span}: at most ${blocks} blocks are taken`);
      return left.shift() ?? failed(call.id, -32_603, 'no answer');
    });
  }

  /** As the chain was `blocks` ago: moving tags are of then, and of what came later nothing is known. */
  async #answersOfBefore(calls: readonly Call[], blocks: number): Promise<readonly Answer[]> {
    const head = Math.max(0, Number(await this.#ask('eth_blockNumber', [])) - blocks);
    return Promise.all(calls.map((call) => this.#answerOfBefore(call, head)));
  }

  async #answerOfBefore(call: Call, head: number): Promise<Answer> {
    const { id, method, params } = call;
    if (method === 'eth_blockNumber') return ok(id, hex(head));
    const unknown = (): Answer =>
      method.startsWith('eth_getBlock') ? ok(id, null) : failed(id, -32_000, 'header not found');
    const place = method === 'eth_getLogs' ? undefined : blockParameter[method];
    if (place !== undefined) {
      const at = await this.#numberOf(params[place], head);
      if (at === undefined || at > head) return unknown();
      // Only a tag that moves is another block than the one asked for.
      const asked = isFields(params[place]) ? params : params.with(Math.min(place, params.length - 1), hex(at));
      return this.#one({ ...call, params: params.length > place ? asked : [...params, hex(at)] });
    }
    if (method === 'eth_getLogs' && isFields(params[0])) {
      const filter = params[0];
      if (filter['blockHash'] !== undefined) {
        const at = await this.#numberOf({ blockHash: filter['blockHash'] }, head);
        return at === undefined || at > head ? failed(id, -32_000, 'unknown block') : this.#one(call);
      }
      const to = await this.#numberOf(filter['toBlock'], head);
      return this.#one({ ...call, params: [{ ...filter, toBlock: hex(Math.min(to ?? head, head)) }] });
    }
    const answer = await this.#one(call);
    const { result } = answer;
    const number = isFields(result) ? Number(result['blockNumber'] ?? result['number'] ?? 0) : 0;
    return number > head ? ok(id, null) : answer;
  }

  async #one(call: Call): Promise<Answer> {
    const [answer] = await this.#forward([call]);
    return answer ?? failed(call.id, -32_603, `no answer to ${call.method}`);
  }

  /** Undefined for a block that there is not. */
  async #numberOf(block: unknown, head: number): Promise<number | undefined> {
    if (block === 'safe' || block === 'finalized') {
      const found = await this.#ask('eth_getBlockByNumber', [block, false]);
      return Math.min(head, isFields(found) ? Number(found['number']) : head);
    }
    if (block === undefined || block === null || moving.has(block)) return head;
    if (block === 'earliest') return 0;
    if (!isFields(block)) return Number(block);
    if (block['blockNumber'] !== undefined) return Number(block['blockNumber']);
    const found = await this.#ask('eth_getBlockByHash', [block['blockHash'], false]);
    return isFields(found) ? Number(found['number']) : undefined;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function aheadBy(call: Call | undefined, answer: Answer, blocks: number): Answer {
  const { id, result } = answer;
  if (call?.method === 'eth_blockNumber' && typeof result === 'string') return ok(id, hex(Number(result) + blocks));
  if (call?.method !== 'eth_getBlockByNumber' || call.params[0] !== 'latest' || !isFields(result)) return answer;
  const number = hex(Number(result['number']) + blocks);
  const madeUp = `0x${hash('sha256', `block ${number}`)}`;
  return ok(id, { ...result, number, hash: madeUp, timestamp: hex(Number(result['timestamp']) + dayInSeconds) });
}

const otherLastByte = (text: string): string =>
  text.length < 4 ? text : `${text.slice(0, -2)}${(Number(`0x${text.slice(-2)}`) ^ 1).toString(16).padStart(2, '0')}`;

const forgedLog = (log: unknown): unknown =>
  isFields(log) && typeof log['data'] === 'string' ? { ...log, data: otherLastByte(log['data']) } : log;

const oddly = (answer: Answer): unknown => ({
  ...(answer.error === undefined ? { error: null } : {}),
  ...answer,
  id: String(answer.id),
});

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string' },
      ports: { type: 'string' },
      at: { type: 'string' },
      behave: { type: 'string' },
    },
  });
  const { target, ports, at, behave } = values;
  if (at !== undefined && behave !== undefined) {
    const response = await fetch(`${at}/behaviour`, { method: 'PUT', body: behave });
    console.log((await response.text()).trimEnd());
    process.exitCode = response.ok ? 0 : 1;
  } else if (target !== undefined && ports !== undefined) {
    for (const port of ports.split(',')) console.log((await EndpointProxy.start({ target, port: Number(port) })).url);
  } else {
    console.error('usage: endpoint-proxy.ts --target URL --ports PORT,… | --at URL --behave JSON');
    process.exitCode = 2;
  }
}

if (import.meta.main) await main();
