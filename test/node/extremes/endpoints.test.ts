/**
 * Every field of every answer of an RPC endpoint, at its extremes: one of three says it, and the node reads on by the other
 * two. Which methods are asked is what a node asks; a field is whatever an honest answer has.
 */
import { describe, expect, it } from 'vitest';
import type { EventFragment } from 'ethers';
import { loadRequest } from '../../../operator-node/flow/requests/request.ts';
import { beginning, contracts, interfaceOf, TestChain, type RawLog } from './chain.ts';
import { jsonExtremes, nameOf, pathsIn, type Path } from './json.ts';
import { startNode } from './node.ts';
import { encodeFields, fieldsOf, hexOf } from './values.ts';

const urls = ['http://one.test', 'http://two.test', 'http://liar.test'];
const slow = 120_000;
/** Longer than an endpoint that has failed is left alone. */
const restMillis = 6_000;

const word = (value: number): Uint8Array => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

/** A request of an auditor of its own to this operator. */
function good(request: number): RawLog {
  const event = interfaceOf('AuditLog').getEvent('DisclosureRequested') as EventFragment;
  const values = new Map([
    ['digest', word(7)],
    ['madeAt', word(beginning)],
    ['due', word(beginning + 86_400)],
    ['confidential', word(0)],
  ]);
  const rest = fieldsOf(event.inputs.filter(({ indexed }) => indexed !== true));
  return {
    address: contracts.AuditLog,
    topics: [event.topicHash, ...[request, 1, request].map((value) => hexOf(word(value)))],
    data: hexOf(encodeFields(rest, values)),
  };
}

function opened(): TestChain {
  const chain = new TestChain();
  for (const operator of [1, 2, 3]) chain.admit(operator);
  chain.add(good(1));
  return chain;
}

/** What a node asks from its start until it has applied a block, with what an honest endpoint answers. */
async function asked(): Promise<ReadonlyMap<string, unknown>> {
  const chain = opened();
  const answers = new Map<string, unknown>();
  chain.lies.set('one.test', (method, truth) => {
    const known = answers.get(method);
    // The fullest one: a block has no logs before there is one.
    if (JSON.stringify(truth).length > JSON.stringify(known ?? '').length) answers.set(method, truth);
    return truth;
  });
  const test = await startNode(chain, { urls, outsideTests: true });
  await test.catchUp();
  await test.stop();
  return answers;
}

function replaced(value: unknown, [at, ...rest]: Path, by: unknown): unknown {
  if (at === undefined) return by;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === at ? replaced(item, rest, by) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === at ? replaced(inner, rest, by) : inner]),
  );
}

/** Besides those of JSON: what an endpoint writes numbers and bytes with. */
const hexExtremes = [
  '0x',
  '0x0',
  '0x1',
  '0xff',
  `0x${'f'.repeat(64)}`,
  `0x${'f'.repeat(65)}`,
  '0x-1',
  '0xzz',
  `0x${'00'.repeat(4_096)}`,
];
const values: readonly (readonly [name: string, value: unknown])[] = [
  ...jsonExtremes.map(({ name, text }) => [name, JSON.parse(text) as unknown] as const),
  ...hexExtremes.map((text) => [text.slice(0, 20), text] as const),
];

const places = [...(await asked())].flatMap(([method, truth]) =>
  pathsIn(truth).map((path): [string, string, Path] => [`${method} ${nameOf(path)}`, method, path]),
);

describe('one endpoint of three', () => {
  it('is asked what a node needs', () => {
    const methods = new Set(places.map(([, method]) => method));
    expect([...methods].sort()).toEqual(
      expect.arrayContaining([
        'eth_call',
        'eth_chainId',
        'eth_getBlockByHash',
        'eth_getBlockByNumber',
        'eth_getCode',
        'eth_getLogs',
      ]),
    );
  });

  it.each(places)(
    '%s: an extreme of it stops nobody',
    async (_, method, path) => {
      const chain = opened();
      const test = await startNode(chain, { urls });
      await test.catchUp();
      for (const [index, [name, value]] of values.entries()) {
        const request = index + 2;
        chain.lies.set('liar.test', (called, truth) => (called === method ? replaced(truth, path, value) : truth));
        chain.add(good(request));
        test.clock.advance(restMillis);
        await test.node.watcher.idle();
        await test.catchUp();
        const trouble = `${name}: ${test.node.watcher.status.trouble?.message ?? ''}`;
        expect(loadRequest(test.store.newest, request), trouble).toBeDefined();
      }
      await test.node.peers.refresh();
      expect(test.node.peers.all().map(({ status }) => status)).toEqual(['active', 'active', 'active']);
      expect(test.fatal).toEqual([]);
    },
    slow,
  );
});
