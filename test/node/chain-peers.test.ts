import { ZeroHash, id } from 'ethers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ChainReader, OperatorEntry } from '../../operator-node/chain/chain.ts';
import { ChainPeers, restrict } from '../../operator-node/chain/peers.ts';
import { mayConnect, maySpeak } from '../../operator-node/channel/trust.ts';
import { TandemError } from '../../operator-node/errors.ts';
import type { Hash, Hex, OperatorId } from '../../operator-node/model/ids.ts';
import { ManualClock, openChain, type TestChain } from './chain.fixture.ts';

async function follow(chain: TestChain, reader: ChainReader = chain.reader()) {
  const clock = new ManualClock();
  const changes: (readonly OperatorId[])[] = [];
  const troubles: unknown[] = [];
  const peers = new ChainPeers({
    reader,
    clock,
    refreshMillis: 30_000,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  peers.onChange((changed) => changes.push(changed));
  onTestFinished(() => peers.stop());
  return {
    peers,
    clock,
    changes,
    troubles,
    /** What the watcher would tell of the head, and of the newest final block if it is `withLogs`. */
    see: async (withLogs = true) => {
      const [newest, final] = await Promise.all([reader.head(), reader.finalHead()]);
      if (withLogs) peers.onBlocks([{ block: final, logs: await reader.logs(final.hash) }]);
      peers.onHead({ newest, final, ageMillis: 0 });
    },
  };
}

const nextChange = (peers: ChainPeers): Promise<readonly OperatorId[]> =>
  new Promise((resolve) => {
    peers.onChange(resolve);
  });

const namers = (peers: ChainPeers, pin: Hash): readonly OperatorId[] => peers.byPin(pin).map((operator) => operator.id);

const entry: OperatorEntry = {
  id: 1 as OperatorId,
  handle: 'aurora',
  status: 'active',
  controller: '0xc0',
  accounts: ['0xa1', '0xa0'],
  signers: ['0x51' as Hex],
  pins: ['0xb1' as Hash, '0xb0' as Hash],
  endpoint: 'https://127.0.0.1/aurora',
};

describe('restrict', () => {
  it('refuses an operator that the latest block does not know', () => {
    expect(restrict(entry, [])).toMatchObject({ status: 'unknown', accounts: [], signers: [], pins: [] });
  });

  it('refuses by the status of the latest block', () => {
    expect(restrict(entry, [{ ...entry, status: 'suspended' }]).status).toBe('suspended');
  });

  it('does not admit by the status of the latest block', () => {
    expect(restrict({ ...entry, status: 'suspended' }, [entry]).status).toBe('suspended');
  });

  it('takes away keys that the latest block no longer has, and gives none that only it has', () => {
    const latest: OperatorEntry = {
      ...entry,
      accounts: ['0xa2', '0xa1'],
      signers: ['0x52' as Hex],
      pins: ['0xb1' as Hash],
    };
    expect(restrict(entry, [latest])).toMatchObject({ accounts: ['0xa1'], signers: [], pins: ['0xb1'] });
  });
});

describe('ChainPeers', () => {
  it('starts while the chain is out of reach, and knows nobody', async () => {
    const chain = await openChain();
    await chain.anvil.stop();
    const { peers, troubles } = await follow(chain);
    expect(await peers.start()).toBe(false);
    expect(peers.asOf).toBeUndefined();
    expect(peers.all()).toEqual([]);
    expect(troubles).toMatchObject([{ code: 'chain-unavailable' }]);
  });

  it('knows all operators by id and by pin', async () => {
    const chain = await openChain();
    const { peers } = await follow(chain);
    await peers.start();
    const { aurora, borealis } = chain;
    expect(peers.all().map(({ handle }) => handle)).toEqual(['aurora', 'borealis']);
    expect(peers.get(borealis.id)).toMatchObject({ handle: 'borealis', status: 'active' });
    expect(peers.get(3 as OperatorId)).toBeUndefined();
    expect(namers(peers, aurora.pin)).toEqual([aurora.id]);
    expect(namers(peers, id('no pin') as Hash)).toEqual([]);
  });

  it('shows a rotation when its block is final, and names who changed', async () => {
    const chain = await openChain();
    const { peers, see } = await follow(chain);
    await peers.start();
    const { aurora } = chain;
    const pin = id('new pin') as Hash;
    await chain.registry(aurora.controller, 'rotatePin', aurora.id, pin, 0);
    const changed = nextChange(peers);
    await see();
    expect(await changed).toEqual([aurora.id]);
    expect(namers(peers, pin)).toEqual([aurora.id]);
    expect(namers(peers, aurora.pin)).toEqual([]);
  });

  it('refuses a key that the latest block has rotated away before that block is final, and admits the new one after', async () => {
    const chain = await openChain({ mode: 'depth', depth: 3 });
    await chain.anvil.mine(3);
    const { peers, see, changes } = await follow(chain);
    await peers.start();
    const { aurora } = chain;
    const pin = id('new pin') as Hash;
    await chain.registry(aurora.controller, 'rotatePin', aurora.id, pin, 0);
    const refused = nextChange(peers);
    await see();
    await refused;
    expect(namers(peers, aurora.pin)).toEqual([]);
    expect(namers(peers, pin)).toEqual([]);
    await chain.anvil.mine(3);
    const admitted = nextChange(peers);
    await see();
    await admitted;
    expect(namers(peers, pin)).toEqual([aurora.id]);
    expect(changes).toEqual([[aurora.id, 2], [aurora.id], [aurora.id]]);
  });

  it('takes a suspension from the latest block and a reinstatement from a final one', async () => {
    const chain = await openChain({ mode: 'depth', depth: 2 });
    await chain.anvil.mine(2);
    const { peers, see } = await follow(chain);
    await peers.start();
    const { borealis } = chain;
    await chain.registry(chain.authority, 'suspend', borealis.id);
    const suspended = nextChange(peers);
    await see();
    await suspended;
    expect(peers.get(borealis.id)?.status).toBe('suspended');
    expect(peers.byPin(borealis.pin)).toMatchObject([{ id: borealis.id, status: 'suspended' }]);
    await chain.anvil.mine(2);
    await peers.refresh();
    await chain.registry(chain.authority, 'reinstate', borealis.id);
    await peers.refresh();
    expect(peers.get(borealis.id)?.status).toBe('suspended');
    await chain.anvil.mine(2);
    await peers.refresh();
    expect(peers.get(borealis.id)?.status).toBe('active');
  });

  it('knows a pin that several operators name as that of each, also after one of them has withdrawn it', async () => {
    const chain = await openChain();
    const { peers } = await follow(chain);
    await peers.start();
    const { aurora, borealis } = chain;
    const both = [aurora.id, borealis.id];
    await chain.registry(borealis.controller, 'setNextPin', borealis.id, aurora.pin);
    await peers.refresh();
    expect(namers(peers, aurora.pin)).toEqual(both);
    expect(peers.get(borealis.id)?.pins).toEqual([borealis.pin, aurora.pin]);
    expect(both.map((operator) => maySpeak(peers, operator, aurora.pin))).toEqual([true, true]);
    expect(both.map((operator) => maySpeak(peers, operator, borealis.pin))).toEqual([false, true]);
    await chain.registry(chain.authority, 'suspend', aurora.id);
    await chain.registry(borealis.controller, 'setNextPin', borealis.id, ZeroHash);
    await peers.refresh();
    expect(namers(peers, aurora.pin)).toEqual([aurora.id]);
    expect(mayConnect(peers, aurora.pin)).toBe(true);
    await chain.registry(chain.authority, 'retire', aurora.id);
    await peers.refresh();
    expect(mayConnect(peers, aurora.pin)).toBe(false);
    await chain.registry(borealis.controller, 'rotatePin', borealis.id, aurora.pin, 0);
    await peers.refresh();
    expect([mayConnect(peers, aurora.pin), maySpeak(peers, aurora.id, aurora.pin)]).toEqual([true, false]);
  });

  it('drops a key whose overlap has run out, though no event says so', async () => {
    const chain = await openChain();
    const { aurora } = chain;
    const until = (await chain.reader().head()).timestamp + 100;
    await chain.registry(aurora.controller, 'rotatePin', aurora.id, id('new pin'), until);
    const { peers, see } = await follow(chain);
    await peers.start();
    expect(namers(peers, aurora.pin)).toEqual([aurora.id]);
    await chain.anvil.rpc('evm_setNextBlockTimestamp', until + 1);
    await chain.anvil.mine();
    const changed = nextChange(peers);
    await see(false);
    await changed;
    expect(namers(peers, aurora.pin)).toEqual([]);
  });

  it('finds a change whose event it missed, at its interval', async () => {
    const chain = await openChain();
    const { peers, clock } = await follow(chain);
    await peers.start();
    await chain.registry(chain.authority, 'suspend', chain.borealis.id);
    const changed = nextChange(peers);
    clock.advance(30_000);
    expect(await changed).toEqual([chain.borealis.id]);
  });

  it('keeps what it knew when a refresh fails, and tries again', async () => {
    const chain = await openChain();
    const reader = chain.reader();
    const broken = { now: false };
    const fragile: ChainReader = {
      checkNetwork: () => reader.checkNetwork(),
      head: () => reader.head(),
      finalHead: () =>
        broken.now ? Promise.reject(new TandemError('chain-unavailable', 'no endpoint')) : reader.finalHead(),
      block: (number) => reader.block(number),
      logs: (hash) => reader.logs(hash),
      batchOutcome: (batch, hash) => reader.batchOutcome(batch, hash),
      nextSequence: (initiator, acceptor, hash) => reader.nextSequence(initiator, acceptor, hash),
      lastCheckpoint: (operator, hash) => reader.lastCheckpoint(operator, hash),
      disclosureRequest: (request, hash) => reader.disclosureRequest(request, hash),
      operators: (hash) => reader.operators(hash),
      operatorsChangedAfter: (number) => reader.operatorsChangedAfter(number),
    };
    const { peers, clock, troubles } = await follow(chain, fragile);
    await peers.start();
    await chain.registry(chain.authority, 'suspend', chain.borealis.id);
    broken.now = true;
    clock.advance(30_000);
    await expect(peers.refresh()).rejects.toMatchObject({ code: 'chain-unavailable' });
    expect(peers.get(chain.borealis.id)?.status).toBe('active');
    expect(troubles).toMatchObject([{ code: 'chain-unavailable' }]);
    broken.now = false;
    const changed = nextChange(peers);
    clock.advance(1_000);
    await changed;
    expect(peers.get(chain.borealis.id)?.status).toBe('suspended');
  });
});
