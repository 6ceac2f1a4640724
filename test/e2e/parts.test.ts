/** A part that no node has, in a folder of its own, on the nodes of a real devnet: one line in the list of parts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeClient, type NodeClient } from '../../operator-node/api/client.ts';
import { loadConfig } from '../../operator-node/config.ts';
import { addressOf, loadKeys } from '../../operator-node/keys.ts';
import type { OperatorId } from '../../operator-node/model/ids.ts';
import { startNode, type RunningNode } from '../../operator-node/node.ts';
import type { Part } from '../../operator-node/parts/part.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';
import { toyPart } from './toy-part/toy-part.ts';

const handles = ['aurora', 'borealis'] as const;
type Handle = (typeof handles)[number];

let net: TestNet;
const nodes = new Map<Handle, RunningNode>();
const fatal: unknown[] = [];

/** The devnet's own node, in this process and with one part more. */
async function start(handle: Handle, ...others: readonly (() => Part)[]): Promise<RunningNode> {
  const { configFile } = net.devnet.layout.operators.find((each) => each.handle === handle) ?? { configFile: '' };
  const config = loadConfig(configFile);
  const account = addressOf(loadKeys(config.chain.keysFile).account);
  const peer = (config.operator.id === 1 ? 2 : 1) as OperatorId;
  return startNode(config, {
    configFile,
    log: () => undefined,
    onFatal: (error) => fatal.push(error),
    more: [toyPart(account, peer), ...others],
  });
}

const client = (handle: Handle): NodeClient => nodeClient(net.devnet.operator(handle).access);

async function ask(handle: Handle, method: 'GET' | 'POST', body?: unknown): Promise<unknown> {
  const one = client(handle);
  const { status, body: told } = await one.raw(
    method,
    '/v1/toy',
    'admin',
    body === undefined ? body : JSON.stringify(body),
  );
  one.close();
  expect(status, told).toBe(200);
  return JSON.parse(told);
}

beforeAll(async () => {
  net = await TestNet.start();
  for (const handle of handles) await net.devnet.killNode(handle);
  for (const handle of handles) nodes.set(handle, await start(handle));
});
afterAll(async () => {
  for (const node of nodes.values()) await node.stop();
  await net.stop();
});

describe('a part of a test', () => {
  it('has its table, its queue, its method between two operators, its route and its gauge', async () => {
    expect(await ask('aurora', 'POST', { number: 21 })).toEqual({ number: 21 });
    await until(async () => (JSON.stringify(await ask('aurora', 'GET')).includes('"doubled":42') ? true : undefined), {
      timeoutMillis: 30_000,
      failure: () => 'the peer has not answered',
    });
    const one = client('aurora');
    expect(await one.metrics()).toContain('\ntoy_notes 1\n');
    one.close();
    expect(await ask('borealis', 'GET')).toEqual({ notes: [] });
  });

  it('brings to the chain what has to be there, once', async () => {
    await until(
      async () => (JSON.stringify(await ask('aurora', 'GET')).includes('"anchored":true') ? true : undefined),
      { timeoutMillis: 30_000, failure: () => 'it is in no final block' },
    );
  });

  it('finds after a restart what it had', async () => {
    await nodes.get('aurora')?.stop();
    nodes.set('aurora', await start('aurora'));
    expect(await ask('aurora', 'GET')).toEqual({ notes: [{ number: 21, doubled: 42, anchored: true }] });
    expect(fatal).toEqual([]);
  });

  it('does not start beside another part with the same route', async () => {
    await nodes.get('aurora')?.stop();
    const twin = (): Part => ({
      name: 'twin',
      routes: [{ name: 'twin', routes: [{ operationId: 'twin', method: 'get', path: '/v1/toy' }] }],
    });
    await expect(start('aurora', twin)).rejects.toThrow('The parts toy and twin both declare the route GET /v1/toy');
    nodes.delete('aurora');
  });
});
