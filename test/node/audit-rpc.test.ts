/** The auditor's chain over JSON-RPC, against endpoints that answer badly. */
import { describe, expect, it } from 'vitest';
import { rpcAuditChain } from '../../operator-node/audit/rpc-audit-chain.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';

const hash = `0x${'ab'.repeat(32)}` as Hash;
const address = `0x${'5e'.repeat(20)}`;

/** An endpoint that answers every request with that body, and keeps what it was asked. */
function endpoint(body: unknown) {
  const asked: { method: string; params: unknown[] }[] = [];
  const fetchOver: typeof fetch = (_, init) => {
    asked.push(JSON.parse(init?.body as string) as { method: string; params: unknown[] });
    return Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body)));
  };
  return { chain: rpcAuditChain('http://rpc.example/secret', fetchOver), asked };
}
const answering = (result: unknown) => endpoint({ jsonrpc: '2.0', id: 1, result });
const failing = (code: number, message: string) => endpoint({ jsonrpc: '2.0', id: 1, error: { code, message } });

const log = (change: object) => ({
  address,
  topics: [hash],
  data: '0x',
  transactionHash: hash,
  blockHash: hash,
  blockNumber: '0x5',
  logIndex: '0x0',
  ...change,
});

describe('rpcAuditChain', () => {
  it.each([
    ['no JSON', endpoint('<html>'), 'the answer is not JSON: "<html>"'],
    ['another kind of answer', endpoint(7), 'the answer is not JSON-RPC: "7"'],
    ['an error that is a text', endpoint({ error: 'busy' }), 'eth_chainId was answered with "busy"'],
    ['an error', failing(-32000, 'rate limited'), '"rate limited"'],
    ['another form', answering('twelve'), 'is malformed'],
  ])('is unavailable where the endpoint answers with %s', async (_, { chain }, message) => {
    await expect(chain.chainId()).rejects.toMatchObject({
      code: 'chain-unavailable',
      message: expect.stringContaining(message) as string,
    });
    await expect(chain.chainId()).rejects.not.toThrow('secret');
  });

  it('tells a call that reverts from one that the endpoint cannot make', async () => {
    const call = ({ chain }: ReturnType<typeof endpoint>) => chain.call(address, '0x00' as Hex, hash);
    expect(await call(failing(3, 'execution reverted'))).toBeUndefined();
    expect(await call(failing(-32603, 'VM Exception: revert'))).toBeUndefined();
    await expect(call(failing(-32000, 'missing trie node'))).rejects.toThrow('archive endpoint');
    await expect(call(answering(null))).rejects.toThrow('is malformed');
  });

  it.each([
    'missing trie node 0123 (path ) <nil>',
    'World state unavailable',
    'No state available for block 0x7',
    'state at block #5 is pruned',
    'historical state 0xab is not available',
    'distance to target block exceeds maximum proof window',
    'project ID does not have access to archive state',
  ])('advises an archive endpoint where it says "%s"', async (message) => {
    await expect(failing(-32000, message).chain.code(address, hash)).rejects.toThrow(
      'old state needs an archive endpoint',
    );
  });

  it.each(['rate limited', 'blockHash is not supported', 'method not found', 'internal error', 'unauthorized'])(
    'advises no archive endpoint where it says "%s"',
    async (message) => {
      const { chain } = failing(-32005, message);
      await expect(chain.code(address, hash)).rejects.toThrow(`"${message}"`);
      await expect(chain.code(address, hash)).rejects.not.toThrow('archive');
      await expect(chain.call(address, '0x00' as Hex, hash)).rejects.not.toThrow('archive');
    },
  );

  it('asks for state at the hash of a block, never at a tag', async () => {
    const { chain, asked } = answering('0xAB');
    expect(await chain.call(address, '0x01' as Hex, hash)).toBe('0xab');
    expect(await chain.code(address, hash)).toBe('0xab');
    expect(asked.map(({ params }) => params[1])).toEqual([{ blockHash: hash }, { blockHash: hash }]);
  });

  it('has no block where the endpoint has none', async () => {
    const { chain, asked } = answering(null);
    expect(await chain.block(16)).toBeUndefined();
    expect(await chain.block('finalized')).toBeUndefined();
    expect(asked.map(({ params }) => params[0])).toEqual(['0x10', 'finalized']);
  });

  it('drops logs that are not of what was asked, and puts the rest in order', async () => {
    const other = `0x${'cd'.repeat(32)}`;
    const { chain } = answering([
      log({ logIndex: '0x2' }),
      log({ address: `0x${'5f'.repeat(20)}` }),
      log({ blockHash: other }),
      log({ removed: true }),
      log({ logIndex: '0x1', transactionHash: other }),
    ]);
    expect((await chain.logs(address, hash)).map(({ transactionHash }) => transactionHash)).toEqual([other, hash]);
    const history = answering([
      log({ topics: [hash, hash], blockNumber: '0x6' }),
      log({ topics: [hash, other] }),
      log({ topics: [hash, hash] }),
    ]);
    expect((await history.chain.history(address, hash, 5, 6)).map(({ blockNumber }) => blockNumber)).toEqual([5, 6]);
  });
});
