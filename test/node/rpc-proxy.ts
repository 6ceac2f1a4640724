/** A JSON-RPC endpoint in front of a real chain that does to requests and answers what endpoints of all makes do. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Anvil } from './anvil.ts';

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

export interface ProxyRequest {
  readonly calls: readonly Call[];
  /** Whether the calls came as a list. */
  readonly isList: boolean;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  /** The chain's answers, in the order of the calls. */
  readonly truth: () => Promise<readonly Answer[]>;
}

export interface ProxyAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, unless it is a text already. */
  readonly body: unknown;
}

/** Undefined: the truth. `'open'`: it has taken care of the answer itself. */
export type Behaviour = (
  request: ProxyRequest,
  response: ServerResponse,
) => Promise<ProxyAnswer | 'open' | undefined> | ProxyAnswer | 'open' | undefined;

export interface RpcProxy {
  /** With `user:password@` where given. */
  url(credentials?: string, path?: string): string;
  readonly name: string;
  behaviour: Behaviour;
  /** All that were asked, also those that were not answered. */
  requests: readonly ProxyRequest[];
}

/** Stopped when the test ends. */
export async function startProxy(chain: Anvil, behaviour: Behaviour = () => undefined): Promise<RpcProxy> {
  const state = { behaviour, requests: [] as readonly ProxyRequest[] };
  const truthOf = async (calls: readonly Call[]): Promise<readonly Answer[]> => {
    const response = await fetch(chain.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(calls),
    });
    const answers = (await response.json()) as readonly Answer[];
    return calls.map(({ id }) => answers.find((answer) => answer.id === id) ?? {});
  };
  const answerTo = async (request: ProxyRequest, response: ServerResponse): Promise<ProxyAnswer | 'open'> => {
    try {
      return (await state.behaviour(request, response)) ?? { body: inForm(request, await request.truth()) };
    } catch {
      // The chain has been stopped.
      response.destroy();
      return 'open';
    }
  };
  const server = createServer((incoming, response) => {
    const pieces: Buffer[] = [];
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('end', () => {
      void (async () => {
        const body = JSON.parse(Buffer.concat(pieces).toString()) as Call | readonly Call[];
        const isList = Array.isArray(body);
        const calls = (isList ? body : [body]) as readonly Call[];
        const { headers, url: path = '/' } = incoming;
        const request: ProxyRequest = { calls, isList, headers, path, truth: () => truthOf(calls) };
        state.requests = [...state.requests, request];
        const answer = await answerTo(request, response);
        if (answer === 'open') return;
        response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
        response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = (credentials?: string, path = ''): string =>
    `http://${credentials === undefined ? '' : `${credentials}@`}${name}${path}`;
  return Object.assign(state, { url, name });
}

/** Answers as the request asks for them: a list to a list. */
export const inForm = ({ isList }: Pick<ProxyRequest, 'isList'>, answers: readonly Answer[]): unknown =>
  isList ? answers : answers[0];

/** Changes each true answer. */
export const changing =
  (change: (answer: Answer, call: Call) => unknown): Behaviour =>
  async (request) => {
    const answers = await request.truth();
    const changed = request.calls.map((call, at) => change(answers[at] ?? {}, call)) as readonly Answer[];
    return { body: inForm(request, changed) };
  };
