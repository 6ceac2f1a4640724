import { id } from 'ethers';
import { describe, expect, it } from 'vitest';
import { parseNetwork } from '../../operator-node/model/network-file.ts';
import { connect } from '../../operator-node/chain/connect.ts';
import { loadNetwork } from '../../operator-node/chain/network.ts';
import { RpcReader } from '../../operator-node/chain/rpc.ts';
import { systemClock } from '../../operator-node/engine/clock.ts';
import type { BatchId, Hash, UnixSeconds } from '../../operator-node/model/ids.ts';
import { pinnedBlockOf, type Network } from '../../operator-node/model/records.ts';
import { ManualClock, freeChain, openChain, startEndpoint, type Lie, type TestChain } from './chain.fixture.ts';

const unavailable = { code: 'chain-unavailable' };
const mismatch = { code: 'network-mismatch' };

async function threeEndpoints(chain: TestChain) {
  const endpoints = [
    await startEndpoint(chain.anvil),
    await startEndpoint(chain.anvil),
    await startEndpoint(chain.anvil),
  ] as const;
  const clock = new ManualClock();
  const group = chain.endpoints(
    endpoints.map(({ url }) => url),
    clock,
  );
  return {
    endpoints,
    group,
    clock,
    reader: new RpcReader({ endpoints: group, network: chain.network, extraDepth: 0, clock }),
  };
}

describe('loadNetwork', () => {
  it('refuses a file that is not there, by its name', () => {
    expect(() => loadNetwork('/nowhere/network.json')).toThrow(/\/nowhere\/network\.json/);
  });
});

describe('checkNetwork', () => {
  it.each([
    ['the chain id', 'eth_chainId', '0x1'],
    ['the code hash of OperatorRegistry', 'eth_getCode', '0x6001'],
  ])('refuses an endpoint where %s is another', async (what, method, result) => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil, (call) => (call.method === method ? { result } : undefined));
    const check = chain.reader({ urls: [endpoint.url] }).checkNetwork();
    await expect(check).rejects.toMatchObject({ ...mismatch, message: expect.stringContaining(what) as unknown });
  });

  it('refuses an endpoint with another genesis', async () => {
    const chain = await openChain();
    // The genesis block of anvil differs by its time, a second apart at least.
    const other = await openChain({ mode: 'depth', depth: 0 }, ['--timestamp', '1600000000', ...freeChain]);
    await expect(chain.reader({ urls: [other.anvil.url] }).checkNetwork()).rejects.toMatchObject(mismatch);
  });

  it('goes on without one wrong endpoint among right ones, which it names, and refuses two', async () => {
    const chain = await openChain();
    const { endpoints, reader, group, clock } = await threeEndpoints(chain);
    endpoints[1].lie = ({ method }) => (method === 'eth_chainId' ? { result: '0x1' } : undefined);
    await expect(reader.checkNetwork()).resolves.toBeUndefined();
    expect(group.status[1]).toMatchObject({ name: endpoints[1].name, state: 'wrong-network' });
    await expect(reader.finalHead()).resolves.toMatchObject({ number: await chain.anvil.height() });

    endpoints[2].lie = endpoints[1].lie;
    await expect(reader.checkNetwork()).rejects.toMatchObject(mismatch);
    clock.advance(60_000);
    await expect(reader.head()).rejects.toMatchObject(mismatch);
  });

  it('waits for an endpoint that is still loading the chain', async () => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil, ({ method }) =>
      method === 'eth_blockNumber' ? { result: '0x0' } : method === 'eth_getCode' ? { result: '0x' } : undefined,
    );
    const clock = new ManualClock();
    const reader = chain.reader({ urls: [endpoint.url], clock });
    await expect(reader.checkNetwork()).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('is only at block 0') as unknown,
    });
    endpoint.lie = () => undefined;
    clock.advance(10_000);
    await expect(reader.head()).resolves.toBeDefined();
  });

  it('is unavailable when nobody answers', async () => {
    const chain = await openChain();
    await chain.anvil.stop();
    await expect(chain.reader().checkNetwork()).rejects.toMatchObject(unavailable);
  });

  it('passes on the network of the file', async () => {
    const chain = await openChain();
    await expect(chain.reader().checkNetwork()).resolves.toBeUndefined();
  });
});

describe('an endpoint', () => {
  it('is unavailable when it does not answer in time', async () => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil);
    endpoint.status = 0;
    const clock = new ManualClock();
    const head = chain.reader({ urls: [endpoint.url], clock }).head();
    const refused = expect(head).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('no answer within 5000 ms') as unknown,
    });
    // The time-out is set when the request leaves.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    clock.advance(5_000);
    await refused;
  });

  it('is unavailable when it answers with an HTTP error', async () => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil);
    endpoint.status = 503;
    await expect(chain.reader({ urls: [endpoint.url] }).head()).rejects.toThrow(/HTTP 503/);
  });

  it('is unavailable when its answer has another form', async () => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil, ({ method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest' ? { result: { number: 'five' } } : undefined,
    );
    await expect(chain.reader({ urls: [endpoint.url] }).head()).rejects.toMatchObject(unavailable);
  });

  it('shows its host and not the secrets of its URL', async () => {
    const chain = await openChain();
    const [status] = chain.endpoints([`${chain.anvil.url}/v2/secret`]).status;
    expect(status?.name).toBe(new URL(chain.anvil.url).host);
  });

  it('is checked again after a silence, and not used if it came back on another chain', async () => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil);
    const clock = new ManualClock();
    const reader = chain.reader({ urls: [endpoint.url], clock });
    await reader.head();
    endpoint.status = 503;
    await expect(reader.head()).rejects.toMatchObject(unavailable);
    endpoint.status = 200;
    endpoint.lie = ({ method }) => (method === 'eth_chainId' ? { result: '0x1' } : undefined);
    clock.advance(10_000);
    await expect(reader.head()).rejects.toMatchObject(mismatch);
    endpoint.lie = () => undefined;
    clock.advance(10_000);
    await expect(reader.head()).resolves.toBeDefined();
  });

  it('is asked in one request what is asked together', async () => {
    const chain = await openChain();
    const requests: unknown[] = [];
    const counting: typeof fetch = (url, init) => {
      requests.push(JSON.parse(typeof init?.body === 'string' ? init.body : ''));
      return fetch(url, init);
    };
    const endpoints = connect({
      network: chain.network,
      urls: [chain.anvil.url],
      clock: systemClock,
      fetchOver: counting,
    });
    const reader = new RpcReader({ endpoints, network: chain.network, extraDepth: 0 });
    await reader.checkNetwork();
    requests.length = 0;
    await Promise.all([reader.block(1), reader.block(2), reader.block(3)]);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toHaveLength(3);
  });
});

describe('several endpoints', () => {
  const forged: Lie = async ({ method, params }, truth) => {
    if (method !== 'eth_getBlockByNumber' || params[0] === '0x0') return undefined;
    const { result } = (await truth()) as { readonly result: object };
    return { result: { ...result, hash: id('forged') } };
  };

  it('outvote and name one that has another final block', async () => {
    const chain = await openChain();
    const { endpoints, group, reader } = await threeEndpoints(chain);
    endpoints[2].lie = forged;
    const { number, hash } = await chain.anvil.rpc<{ number: string; hash: Hash }>(
      'eth_getBlockByNumber',
      'latest',
      false,
    );
    expect(await reader.finalHead()).toMatchObject({ number: Number(number), hash });
    expect(group.disagreements).toMatchObject([{ endpoints: [endpoints[2].name] }]);
    expect(group.status[2]).toMatchObject({ state: 'ok', disagrees: `block ${Number(number)}` });

    endpoints[2].lie = () => undefined;
    await reader.finalHead();
    expect(group.disagreements).toEqual([]);
  });

  it('are no majority where two differ: nothing is taken, and both are named', async () => {
    const chain = await openChain();
    const endpoints = [await startEndpoint(chain.anvil), await startEndpoint(chain.anvil, forged)] as const;
    const group = chain.endpoints(endpoints.map(({ url }) => url));
    const reader = new RpcReader({ endpoints: group, network: chain.network, extraDepth: 0 });
    await expect(reader.finalHead()).rejects.toMatchObject({
      ...unavailable,
      facts: { endpoints: endpoints.map(({ name }) => name) },
    });
    expect(group.disagreements).toMatchObject([{ endpoints: endpoints.map(({ name }) => name) }]);
  });

  it('outvote one that hides a batch, and cannot say where two of three differ from one another', async () => {
    const chain = await openChain();
    const { endpoints, reader, group } = await threeEndpoints(chain);
    const signed = await chain.sign();
    const before = await reader.finalHead();
    const { data, to } = chain.calls.prepare(signed);
    await chain.act(chain.stranger, to, data);
    const after = await reader.finalHead();
    const ofBefore: Lie = ({ method, params: [call] }, truth) =>
      method === 'eth_call'
        ? chain.anvil
            .rpc('eth_call', call, { blockHash: before.hash })
            .then((result) => ({ result }))
            .catch(truth)
        : undefined;
    endpoints[0].lie = ofBefore;
    expect(await reader.batchOutcome(signed.batchId, after.hash)).toMatchObject({ prepared: true });
    expect(group.disagreements).toMatchObject([{ endpoints: [endpoints[0].name] }]);
    // Neither a commit nor an absence is reported while the third cannot say.
    endpoints[1].lie = ({ method }) =>
      method === 'eth_call' ? { error: { code: -32000, message: 'missing trie node' } } : undefined;
    await expect(reader.batchOutcome(signed.batchId, after.hash)).rejects.toMatchObject(unavailable);
  });

  it('are too few when a majority is silent', async () => {
    const chain = await openChain();
    const { endpoints, reader, group } = await threeEndpoints(chain);
    endpoints[0].status = 503;
    endpoints[1].status = 503;
    await expect(reader.finalHead()).rejects.toMatchObject(unavailable);
    expect(group.status.map(({ state }) => state)).toEqual(['silent', 'silent', 'ok']);
  });

  it('are enough with one of three silent, which rests before it is asked again', async () => {
    const chain = await openChain();
    const { endpoints, reader, clock, group } = await threeEndpoints(chain);
    endpoints[0].status = 503;
    await expect(reader.finalHead()).resolves.toMatchObject({ number: await chain.anvil.height() });
    endpoints[0].status = 200;
    endpoints[0].calls = [];
    await reader.finalHead();
    expect(endpoints[0].calls).toEqual([]);
    clock.advance(5_000);
    await reader.finalHead();
    expect(group.status.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok']);
  });

  it('report the highest head that a majority has seen, and the final block that a majority has', async () => {
    const chain = await openChain();
    const { endpoints, reader } = await threeEndpoints(chain);
    const behind = (await chain.anvil.height()) - 2;
    endpoints[0].lie = async ({ method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? { result: await chain.anvil.rpc('eth_getBlockByNumber', `0x${behind.toString(16)}`, false) }
        : undefined;
    expect((await reader.head()).number).toBe(behind + 2);
    expect((await reader.finalHead()).number).toBe(behind + 2);
    endpoints[1].lie = endpoints[0].lie;
    expect((await reader.finalHead()).number).toBe(behind);
    endpoints[2].lie = endpoints[0].lie;
    expect((await reader.head()).number).toBe(behind + 2);
  });
});

describe('finalHead', () => {
  it('is the newest block at depth 0', async () => {
    const chain = await openChain();
    expect(await chain.reader().finalHead()).toEqual(await chain.reader().head());
  });

  it('is as deep as the consortium and the node ask together', async () => {
    const chain = await openChain({ mode: 'depth', depth: 2 });
    await chain.anvil.mine(5);
    const height = await chain.anvil.height();
    expect((await chain.reader().finalHead()).number).toBe(height - 2);
    expect((await chain.reader({ extraDepth: 1 }).finalHead()).number).toBe(height - 3);
  });

  it('is the genesis block on a chain that is shorter than the depth', async () => {
    const chain = await openChain({ mode: 'depth', depth: 100 });
    expect((await chain.reader().finalHead()).number).toBe(0);
  });

  it('follows the finalized tag where the consortium says so', async () => {
    const chain = await openChain({ mode: 'finalized' }, [
      '--slots-in-an-epoch',
      '2',
      '--accounts',
      '0',
      '--gas-price',
      '0',
      '--base-fee',
      '0',
    ]);
    await chain.anvil.mine(8);
    const { number } = await chain.anvil.rpc<{ readonly number: string }>('eth_getBlockByNumber', 'finalized', false);
    expect(Number(number)).toBeLessThan(await chain.anvil.height());
    expect((await chain.reader().finalHead()).number).toBe(Number(number));
    expect((await chain.reader({ extraDepth: 1 }).finalHead()).number).toBe(Number(number) - 1);
  });
});

describe('logs', () => {
  async function preparedBlock(chain: TestChain) {
    const signed = await chain.sign();
    const { to, data } = chain.calls.prepare(signed);
    const { blockHash, blockNumber } = await chain.act(chain.stranger, to, data);
    return { signed, blockHash, number: Number(blockNumber) };
  }

  it('cannot be told of a block that the endpoint does not know', async () => {
    const chain = await openChain();
    await expect(chain.reader().logs(id('nothing') as Hash)).rejects.toMatchObject(unavailable);
  });

  it('cannot be told while the index lacks what the header hints at', async () => {
    const chain = await openChain();
    const { blockHash, number } = await preparedBlock(chain);
    const endpoint = await startEndpoint(chain.anvil, ({ method }) =>
      method === 'eth_getLogs' ? { result: [] } : undefined,
    );
    const reader = chain.reader({ urls: [endpoint.url] });
    await reader.block(number);
    await expect(reader.logs(blockHash)).rejects.toThrow(/gives 0 logs of block 0x\w+, its receipts have 1/);
    endpoint.lie = () => undefined;
    await expect(reader.logs(blockHash)).resolves.toHaveLength(1);
  });

  it('asks for no receipts of a block whose header rules our contracts out', async () => {
    const chain = await openChain();
    await chain.anvil.mine();
    const endpoint = await startEndpoint(chain.anvil);
    const reader = chain.reader({ urls: [endpoint.url] });
    const { hash } = await reader.head();
    await reader.finalHead();
    endpoint.calls = [];
    await expect(reader.logs(hash)).resolves.toEqual([]);
    expect(endpoint.calls.map(({ method }) => method)).toEqual(['eth_getLogs']);
  });

  it('are events of the contracts in log order, with their transaction', async () => {
    const chain = await openChain();
    const { signed, blockHash } = await preparedBlock(chain);
    const { batchId, batch } = signed;
    const [prepared] = await chain.reader().logs(blockHash);
    expect(prepared).toMatchObject({ type: 'BatchPrepared', batchId, ...batch, logIndex: 0 });

    const [decide] = chain.calls.decide([{ batchId, word: 0, commitMask: 1n, abortMask: 0n }]);
    const decided = await chain.act(chain.borealis.account, decide?.to ?? '', decide?.data ?? '');
    expect(await chain.reader().logs(decided.blockHash)).toEqual([
      {
        type: 'PairsDecided',
        batchId,
        word: 0,
        commitMask: 1n,
        abortMask: 0n,
        transactionHash: decided.transactionHash,
        logIndex: 0,
      },
    ]);

    const digests = [id('one'), id('other')] as [Hash, Hash];
    const parties = [
      [chain.aurora, digests[0]],
      [chain.borealis, digests[1]],
    ] as const;
    const seen = [];
    for (const [{ id: operator, account }, executedDigest] of parties) {
      const [attest] = chain.calls.attest(operator, [{ batchId, executedDigest }]);
      seen.push(
        ...(await chain.reader().logs((await chain.act(account, attest?.to ?? '', attest?.data ?? '')).blockHash)),
      );
    }
    expect(seen).toMatchObject([
      { type: 'BatchAttested', operator: chain.aurora.id, executedDigest: digests[0] },
      { type: 'BatchAttested', operator: chain.borealis.id, executedDigest: digests[1] },
      { type: 'BatchDiscrepancy', initiatorDigest: digests[0], acceptorDigest: digests[1] },
    ]);
  });

  it('tell of any change of an operator, and of nothing else in the registry', async () => {
    const chain = await openChain();
    const suspended = await chain.registry(chain.authority, 'suspend', chain.borealis.id);
    expect(await chain.reader().logs(suspended.blockHash)).toMatchObject([
      { type: 'OperatorChanged', operator: chain.borealis.id },
    ]);
    const window = await chain.registry(chain.authority, 'setMaxWindow', 7200);
    expect(await chain.reader().logs(window.blockHash)).toEqual([]);
  });
});

describe('batchOutcome', () => {
  it('cannot be told at a block that was replaced', async () => {
    const chain = await openChain();
    const signed = await chain.sign();
    const { to, data } = chain.calls.prepare(signed);
    const { blockHash } = await chain.act(chain.stranger, to, data);
    await chain.anvil.rpc('anvil_reorg', 1, []);
    const reader = chain.reader();
    expect((await reader.head()).hash).not.toBe(blockHash);
    await expect(reader.batchOutcome(signed.batchId, blockHash)).rejects.toMatchObject(unavailable);
  });

  it('cannot be told from an answer that is no outcome', async () => {
    const chain = await openChain();
    const endpoint = await startEndpoint(chain.anvil, ({ method }) =>
      method === 'eth_call' ? { result: '0x' } : undefined,
    );
    const reader = chain.reader({ urls: [endpoint.url] });
    const { hash } = await reader.head();
    await expect(reader.batchOutcome(id('batch') as BatchId, hash)).rejects.toMatchObject(unavailable);
  });

  it('is that of the block asked for, whatever came after', async () => {
    const chain = await openChain();
    const reader = chain.reader();
    const signed = await chain.sign({ count: 300 });
    const before = await reader.head();
    const prepare = chain.calls.prepare(signed);
    const prepared = await chain.act(chain.stranger, prepare.to, prepare.data);
    const [decide] = chain.calls.decide([
      { batchId: signed.batchId, word: 0, commitMask: 5n, abortMask: 2n },
      { batchId: signed.batchId, word: 1, commitMask: 0n, abortMask: 1n << 43n },
    ]);
    const decided = await chain.act(chain.borealis.account, decide?.to ?? '', decide?.data ?? '');
    const { deadline } = signed.batch;
    expect(await reader.batchOutcome(signed.batchId, before.hash)).toEqual({
      prepared: false,
      deadline: 0 as UnixSeconds,
      count: 0,
      commitWords: [],
      abortWords: [],
    });
    expect(await reader.batchOutcome(signed.batchId, prepared.blockHash)).toEqual({
      prepared: true,
      deadline,
      count: 300,
      commitWords: [0n, 0n],
      abortWords: [0n, 0n],
    });
    expect(await reader.batchOutcome(signed.batchId, decided.blockHash)).toEqual({
      prepared: true,
      deadline,
      count: 300,
      commitWords: [5n, 0n],
      abortWords: [2n, 1n << 43n],
    });
  });

  it('has no absence to tell when the deadline passed without a decision: the words are zero and the batch is there', async () => {
    const chain = await openChain();
    const signed = await chain.sign();
    const { to, data } = chain.calls.prepare(signed);
    await chain.act(chain.stranger, to, data);
    await chain.anvil.rpc('evm_setNextBlockTimestamp', signed.batch.deadline + 1);
    await chain.anvil.mine();
    const reader = chain.reader();
    const { hash, timestamp } = await reader.finalHead();
    expect(timestamp).toBeGreaterThan(signed.batch.deadline);
    expect(await reader.batchOutcome(signed.batchId, hash)).toMatchObject({
      prepared: true,
      commitWords: [0n],
      abortWords: [0n],
    });
  });
});

describe('nextSequence', () => {
  it('counts the batches of a lane up to that block', async () => {
    const chain = await openChain();
    const reader = chain.reader();
    const before = await reader.head();
    const { to, data } = chain.calls.prepare(await chain.sign());
    const after = await chain.act(chain.stranger, to, data);
    const { aurora, borealis } = chain;
    expect(await reader.nextSequence(aurora.id, borealis.id, before.hash)).toBe(1);
    expect(await reader.nextSequence(aurora.id, borealis.id, after.blockHash)).toBe(2);
    expect(await reader.nextSequence(borealis.id, aurora.id, after.blockHash)).toBe(1);
  });
});

describe('operators', () => {
  it('are all that were ever admitted, as they were at that block', async () => {
    const chain = await openChain();
    const reader = chain.reader();
    const { hash } = await reader.head();
    await chain.registry(chain.authority, 'suspend', chain.borealis.id);
    const { aurora, borealis } = chain;
    expect(await reader.operators(hash)).toEqual(
      [aurora, borealis].map(({ id: operator, controller, account, signer, pin }, index) => ({
        id: operator,
        handle: index === 0 ? 'aurora' : 'borealis',
        status: 'active',
        controller: controller.address.toLowerCase(),
        accounts: [account.address.toLowerCase()],
        signers: [signer.address.toLowerCase()],
        pins: [pin],
        endpoint: `https://127.0.0.1/${index === 0 ? 'aurora' : 'borealis'}`,
      })),
    );
    const [, suspended] = await reader.operators((await reader.head()).hash);
    expect(suspended?.status).toBe('suspended');
  });

  it('have both keys up to and including the last second of an overlap', async () => {
    const chain = await openChain();
    const { aurora } = chain;
    const until = (await chain.reader().head()).timestamp + 100;
    const pin = id('new pin');
    await chain.registry(aurora.controller, 'rotateAccount', aurora.id, chain.stranger.address, until);
    await chain.registry(aurora.controller, 'rotateSigner', aurora.id, chain.stranger.address, until);
    await chain.registry(aurora.controller, 'rotatePin', aurora.id, pin, until);
    await chain.registry(aurora.controller, 'setNextPin', aurora.id, id('next pin'));
    const stranger = chain.stranger.address.toLowerCase();
    const at = async (timestamp: number) => {
      await chain.anvil.rpc('evm_setNextBlockTimestamp', timestamp);
      await chain.anvil.mine();
      const reader = chain.reader();
      return (await reader.operators((await reader.head()).hash))[0];
    };
    expect(await at(until)).toMatchObject({
      accounts: [stranger, aurora.account.address.toLowerCase()],
      signers: [stranger, aurora.signer.address.toLowerCase()],
      pins: [pin, id('next pin'), aurora.pin],
      overlapEnds: until,
    });
    const after = await at(until + 1);
    expect(after).toMatchObject({ accounts: [stranger], signers: [stranger], pins: [pin, id('next pin')] });
    expect(after).not.toHaveProperty('overlapEnds');
  });
});

describe('operatorsChangedAfter', () => {
  it('sees blocks that are not final yet', async () => {
    const chain = await openChain({ mode: 'depth', depth: 5 });
    const height = await chain.anvil.height();
    await chain.registry(chain.authority, 'suspend', chain.borealis.id);
    expect(await chain.reader().operatorsChangedAfter(height)).toEqual([chain.borealis.id]);
    expect(await chain.reader().operatorsChangedAfter(height + 1)).toEqual([]);
  });
});

describe('the pinned block', () => {
  async function pinned(number: number) {
    const chain = await openChain();
    const { hash } = await chain.anvil.rpc<{ hash: Hash }>('eth_getBlockByNumber', `0x${number.toString(16)}`, false);
    // No chain of this endpoint begins at 0, or it gives no such block out.
    const endpoint = await startEndpoint(chain.anvil, ({ method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === '0x0' ? { result: null } : undefined,
    );
    const network = { ...chain.network, genesisHash: hash, pinnedBlock: { number, hash } };
    const clock = new ManualClock();
    const read = (of: Network) =>
      new RpcReader({
        endpoints: connect({ network: of, urls: [endpoint.url], clock }),
        network: of,
        extraDepth: 0,
        clock,
      }).checkNetwork();
    return { chain, endpoint, network, read };
  }

  it('may be any, on a chain that has no block 0', async () => {
    const { network, read } = await pinned(3);
    await expect(read(network)).resolves.toBeUndefined();
  });

  it('that has another hash is another chain', async () => {
    const { network, read } = await pinned(3);
    const other = { number: 4, hash: network.pinnedBlock.hash };
    await expect(read({ ...network, pinnedBlock: other })).rejects.toMatchObject({
      ...mismatch,
      message: expect.stringContaining('the hash of the block 4') as unknown,
    });
  });

  it('that the endpoint does not have is no other chain, and is named', async () => {
    const { chain, read } = await pinned(3);
    await expect(read(chain.network)).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('block 0, which network.json pins') as unknown,
    });
  });

  it('is block 0 in a file of the older form, may stand alone, and has one hash', () => {
    const { pinnedBlock, genesisHash, ...rest } = {
      chainId: '1',
      genesisHash: id('block') as Hash,
      pinnedBlock: { number: 7, hash: id('block') as Hash },
      contracts: { OperatorRegistry: `0x${'11'.repeat(20)}`, PairSettlement: `0x${'22'.repeat(20)}` },
      codeHashes: { OperatorRegistry: id('a'), PairSettlement: id('b') },
      firstBlock: 9,
    };
    expect(pinnedBlockOf(parseNetwork({ ...rest, genesisHash }))).toEqual({ number: 0, hash: genesisHash });
    expect(pinnedBlockOf(parseNetwork({ ...rest, pinnedBlock }))).toEqual(pinnedBlock);
    expect(pinnedBlockOf(parseNetwork({ ...rest, pinnedBlock, genesisHash }))).toEqual(pinnedBlock);
    expect(() => parseNetwork(rest)).toThrow('pinnedBlock, or the older genesisHash: missing');
    expect(() => parseNetwork({ ...rest, pinnedBlock, genesisHash: id('other') })).toThrow(
      'both are the hash of the pinned block',
    );
  });
});
