/**
 * A short storm over real processes, and the checks at its end: clean on what really happened, and each of them finds
 * what it is for in a copy that was tampered with. The long one is `npm run chaos`.
 */
import { id } from 'ethers';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Hash } from '../../operator-node/model/ids.ts';
import { Chance } from '../../scripts/chaos/chance.ts';
import { behaviourSchema } from '../../scripts/devnet/behaviour.ts';
import type { Gateway } from '../../scripts/chaos/gateway.ts';
import * as messages from '../../scripts/chaos/messages.ts';
import * as outcomes from '../../scripts/chaos/outcomes.ts';
import { FaultProxy } from '../../scripts/chaos/proxy.ts';
import { reportOf } from '../../scripts/chaos/report.ts';
import { runChaos, type ChaosResult } from '../../scripts/chaos/run.ts';
import { setEndpointSelector } from '../../scripts/chaos/siege.ts';
import { classesFor, faultClasses, linkNamesOf, planOf, type Plan } from '../../scripts/chaos/schedule.ts';
import type { StoredNode } from '../../scripts/chaos/stores.ts';
import { isPending, questionCode, saysDone } from '../../scripts/chaos/words.ts';

/** Of a run in which something does not end; a clean one takes less than a minute. */
const runMillis = 300_000;

describe('planOf', () => {
  const plan: Plan = {
    millis: 120_000,
    finalityDepth: 2,
    handles: ['aurora', 'borealis'],
    endpoints: 3,
    classes: new Set(faultClasses),
  };

  it('plans nothing of a class that is left out, and no reorganisation deeper than finality', () => {
    const planned = planOf(new Chance('a'), { ...plan, classes: new Set(['reorganise', 'kill']) });
    expect(new Set(planned.map(({ fault }) => fault.kind))).toEqual(new Set(['reorganise', 'kill']));
    const depths = planned.flatMap(({ fault }) => (fault.kind === 'reorganise' ? [fault.depth] : []));
    expect(new Set(depths)).toEqual(new Set([1, 2]));
  });

  it('is the same for the same seed, another for another, and has every class', () => {
    expect(planOf(new Chance('a'), plan)).toEqual(planOf(new Chance('a'), plan));
    expect(planOf(new Chance('b'), plan)).not.toEqual(planOf(new Chance('a'), plan));
    expect(new Set(planOf(new Chance('a'), plan).map(({ fault }) => fault.kind))).toEqual(new Set(faultClasses));
  });

  it('has faults of every operator, every link and every endpoint of four', () => {
    const handles = ['aurora', 'borealis', 'cumulus', 'drift'];
    const planned = planOf(new Chance('a'), { ...plan, handles, millis: 3_600_000 }).map(({ fault }) => fault);
    const hit = (of: (fault: (typeof planned)[number]) => string | number | undefined): Set<unknown> =>
      new Set(planned.flatMap((fault) => of(fault) ?? []));
    expect(hit((fault) => ('node' in fault ? fault.node : undefined))).toEqual(new Set(handles));
    expect(hit((fault) => ('operator' in fault ? fault.operator : undefined))).toEqual(new Set(handles));
    expect(hit((fault) => ('part' in fault ? fault.part : undefined))).toEqual(new Set([...handles, 'chain']));
    const links = linkNamesOf(handles, 3);
    expect(links).toHaveLength(12 + 12 + 4);
    expect(new Set(links).size).toBe(links.length);
    expect(hit((fault) => ('link' in fault ? fault.link : undefined))).toEqual(new Set(links));
    expect(hit((fault) => ('endpoint' in fault ? fault.endpoint : undefined))).toEqual(new Set([0, 1, 2]));
    const behaviours = hit((fault) => ('behaviour' in fault ? fault.behaviour.kind : undefined));
    expect(behaviours).toEqual(
      new Set(behaviourSchema.options.map(({ shape }) => shape.kind.value).filter((kind) => kind !== 'honest')),
    );
  });

  it('lets no endpoint misbehave where that would be no minority', () => {
    expect(planOf(new Chance('a'), { ...plan, endpoints: 2 }).some(({ fault }) => fault.kind === 'endpoint')).toBe(
      false,
    );
  });

  it('gives two operators with one endpoint the links that they always had, in their order', () => {
    expect(linkNamesOf(['aurora', 'borealis'], 1)).toEqual([
      'aurora to borealis',
      'borealis to aurora',
      'aurora to chain',
      'borealis to chain',
      'gateway to aurora',
      'gateway to borealis',
    ]);
  });

  it('kills at least 200 times in ten minutes', () => {
    for (const seed of ['a', 'b', 'c', 'd', 'e']) {
      const planned = planOf(new Chance(seed), { ...plan, millis: 600_000 });
      expect(planned.filter(({ fault }) => fault.kind === 'kill').length, seed).toBeGreaterThanOrEqual(200);
    }
  });
});

describe('FaultProxy', () => {
  let echo: Server;
  let proxy: FaultProxy;
  const open: Socket[] = [];
  /** What has come to the other end. */
  const heard: string[] = [];

  beforeAll(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (piece: Buffer) => {
        heard.push(piece.toString());
        socket.write(piece);
      });
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await FaultProxy.start((echo.address() as AddressInfo).port);
  });

  afterEach(() => {
    proxy.set(undefined);
  });

  afterAll(async () => {
    for (const socket of open) socket.destroy();
    await proxy.close();
    echo.close();
  });

  async function joined(): Promise<Socket> {
    const socket = connect(proxy.port, '127.0.0.1');
    open.push(socket);
    await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed(socket)]);
    return socket;
  }

  const closed = (socket: Socket): Promise<'closed'> =>
    new Promise((resolve) => {
      socket.on('error', () => {});
      if (socket.destroyed) resolve('closed');
      else socket.once('close', () => resolve('closed'));
    });

  /** What comes back, or that the connection has ended. */
  function said(socket: Socket, text: string): Promise<string> {
    const answer = new Promise<string>((resolve) => socket.once('data', (piece) => resolve(String(piece))));
    socket.write(text);
    return Promise.race([answer, closed(socket)]);
  }

  it('passes bytes on while nothing is broken', async () => {
    expect(await said(await joined(), 'hello')).toBe('hello');
  });

  it('drop: resets what is open and what comes', async () => {
    const before = await joined();
    expect(await said(before, 'hello')).toBe('hello');
    const ended = closed(before);
    proxy.set({ kind: 'drop' });
    expect(await ended).toBe('closed');
    expect(await said(await joined(), 'hello')).toBe('closed');
    proxy.set(undefined);
    expect(await said(await joined(), 'hello')).toBe('hello');
  });

  it.each(['there', 'back'] as const)('cut %s: holds up that direction until it is healed', async (way) => {
    const socket = await joined();
    proxy.set({ kind: 'cut', way });
    let came = false;
    const answer = said(socket, 'hello').then((text) => {
      came = true;
      return text;
    });
    // Another connection's round trip on the echo itself: what could have come would have come.
    const direct = connect((echo.address() as AddressInfo).port, '127.0.0.1');
    open.push(direct);
    expect(await said(direct, 'there and back')).toBe('there and back');
    expect(came).toBe(false);
    proxy.set(undefined);
    expect(await answer).toBe('hello');
  });

  it('cut, then reset: what was held up is lost with its connection', async () => {
    const socket = await joined();
    proxy.set({ kind: 'cut', way: 'there' });
    const answer = said(socket, 'hello');
    proxy.set(undefined, true);
    expect(await answer).toBe('closed');
  });

  it('lost-replies: what is asked arrives, the answer does not', async () => {
    const socket = await joined();
    proxy.set({ kind: 'lost-replies', afterBytes: 0 });
    expect(await said(socket, 'did you get this?')).toBe('closed');
    expect(heard).toContain('did you get this?');
    proxy.set(undefined);
    expect(await said(await joined(), 'again')).toBe('again');
  });

  it('delay and drip: everything comes, in order', async () => {
    for (const fault of [
      { kind: 'delay', millis: 20 },
      { kind: 'drip', bytesPerSecond: 200 },
    ] as const) {
      const socket = await joined();
      proxy.set(fault);
      let text = '';
      socket.on('data', (piece: Buffer) => (text += piece.toString()));
      const whole = new Promise<void>((resolve) => {
        socket.on('data', () => {
          if (text.length >= 26) resolve();
        });
      });
      socket.write('abcdefghijklm');
      socket.write('nopqrstuvwxyz');
      await whole;
      expect(text).toBe('abcdefghijklmnopqrstuvwxyz');
      proxy.set(undefined);
    }
  });
});

describe('a siege', () => {
  it('sends the selector of the function whose bytes it makes itself', () => {
    expect(setEndpointSelector).toBe(id('setEndpoint(uint32,string)').slice(2, 10));
  });

  it(
    'by one of four operators, with one of three endpoints misbehaving, hinders nobody and is named',
    { timeout: runMillis },
    async () => {
      const result = await runChaos({
        stormMillis: 15_000,
        seed: 'siege',
        operators: 4,
        hostile: true,
        endpoints: 3,
        classes: new Set(['endpoint']),
        rate: 4,
        peopleASide: 4,
        acceptSeconds: 20,
        patienceMillis: 90_000,
        prompt: true,
        keep: false,
        signal: new AbortController().signal,
        print: () => {},
      });
      expect(
        result.checks.filter(({ problems }) => problems.length > 0),
        reportOf(result),
      ).toEqual([]);
      expect([...result.faults].filter(([name]) => name.startsWith('hostile: ')).length).toBeGreaterThanOrEqual(4);
      expect(result.pairs.get('committed') ?? 0).toBeGreaterThanOrEqual(6);
    },
  );
});

describe('npm run chaos', () => {
  let result: ChaosResult;
  const abort = new AbortController();

  beforeAll(async () => {
    result = await runChaos({
      stormMillis: 12_000,
      seed: 'short',
      operators: 2,
      hostile: false,
      endpoints: 1,
      classes: new Set(classesFor(1)),
      rate: 8,
      peopleASide: 5,
      acceptSeconds: 20,
      patienceMillis: 60_000,
      prompt: true,
      keep: false,
      signal: abort.signal,
      print: () => {},
    });
  }, runMillis);

  afterAll(() => {
    abort.abort();
  });

  it('is clean after kills, broken links, reorganisations, lost transactions and whatever else the seed has', () => {
    expect(
      result.checks.filter(({ problems }) => problems.length > 0),
      reportOf(result),
    ).toEqual([]);
    expect(result.kills).toBeGreaterThanOrEqual(3);
    expect(result.pairs.get('committed') ?? 0).toBeGreaterThanOrEqual(2);
    expect(result.messages.attempts).toBeGreaterThan(result.messages.sent);
  });

  describe('its checks', () => {
    /** The stores with one thing changed in the first of them that has it. */
    function tampered(change: (node: StoredNode) => StoredNode | undefined): readonly StoredNode[] {
      const { nodes } = result.found;
      for (const [index, node] of nodes.entries()) {
        const other = change(node);
        if (other !== undefined) return nodes.with(index, other);
      }
      throw new Error('there was nothing to change');
    }

    /** A map with the first entry that `choose` picks replaced, or left out. */
    function changed<V>(
      map: ReadonlyMap<string, V>,
      choose: (value: V, key: string) => boolean,
      to: (value: V) => V | undefined,
    ): ReadonlyMap<string, V> | undefined {
      for (const [key, value] of map) {
        if (!choose(value, key)) continue;
        const copy = new Map(map);
        const next = to(value);
        if (next === undefined) copy.delete(key);
        else copy.set(key, next);
        return copy;
      }
      return undefined;
    }

    const gatewayWith = (change: Partial<Pick<Gateway, 'sent' | 'told' | 'problems'>>): Gateway =>
      Object.assign(Object.create(result.found.gateway) as Gateway, change);

    const isCommitted = ({ state }: { state: { state: string } }): boolean => state.state === 'committed';

    it('I1: find a committed pair that one side has released', () => {
      const nodes = tampered((node) => {
        const sides = changed(node.sides, isCommitted, (found) => ({
          ...found,
          state: { ...found.state, state: 'aborted' as const },
        }));
        return sides && { ...node, sides };
      });
      expect(outcomes.oneOutcome(nodes, result.found.chain)).not.toEqual([]);
    });

    it('I1: find a committed pair that one side does not know', () => {
      const nodes = tampered((node) => {
        const sides = changed(
          node.sides,
          (found) => isCommitted(found) && found.side.role === 'acceptor',
          () => undefined,
        );
        return sides && { ...node, sides };
      });
      expect(outcomes.oneOutcome(nodes, result.found.chain)).not.toEqual([]);
    });

    it('I2: find positions that do not mirror, and money that nobody paid in', () => {
      const nodes = tampered((node) => {
        const positions = changed(
          node.positions,
          (_, key) => !key.startsWith(`${node.operator}/`),
          (balance) => balance + 1n,
        );
        return positions && { ...node, positions };
      });
      const deposits = new Map(
        result.found.nodes.flatMap(({ handle, books }) =>
          [...books.totals].map(([asset, { cash }]) => [`${handle} ${asset}`, -cash] as const),
        ),
      );
      expect(outcomes.books(result.found.nodes, deposits)).toEqual([]);
      expect(outcomes.books(nodes, deposits)).not.toEqual([]);
      const [first] = deposits;
      if (first === undefined) throw new Error('nobody paid anything in');
      expect(outcomes.books(result.found.nodes, new Map([...deposits, [first[0], first[1] + 1n]]))).toHaveLength(1);
    });

    it('I3: find a second booking, and a missing one', () => {
      const booked = ({ state }: { state: string }): boolean => state === 'committed';
      const twice = tampered((node) => {
        const payments = changed(node.payments, booked, (record) => ({
          ...record,
          entries: [...record.entries, ...record.entries],
        }));
        return payments && { ...node, payments };
      });
      const missing = tampered((node) => {
        const payments = changed(node.payments, booked, () => undefined);
        return payments && { ...node, payments };
      });
      expect(outcomes.onceOnly(twice, result.found.chain)).not.toEqual([]);
      expect(outcomes.onceOnly(missing, result.found.chain)).not.toEqual([]);
    });

    it('I4: find a second content for a number of a lane', () => {
      const nodes = tampered((node) => {
        const [first] = node.batches.values();
        if (first === undefined) return undefined;
        const record = { ...first.record, batchId: `0x${'1'.repeat(64)}` as typeof first.record.batchId };
        return { ...node, batches: new Map([...node.batches, ['other', { ...first, record }]]) };
      });
      expect(outcomes.oneContent(nodes, result.found.chain).join()).toMatch(/two contents/);
    });

    it('I5: find a 202 that is not stored, and words that are not in the journal', () => {
      const forgotten = tampered((node) => {
        const inbound = changed(
          node.inbound,
          () => true,
          () => undefined,
        );
        return inbound && { ...node, inbound };
      });
      expect(messages.accepted(forgotten, result.found.gateway)).toHaveLength(1);
      const silent = tampered((node) => ({
        ...node,
        journal: node.journal.filter((entry, index) => entry.kind !== 'confirmation' || index % 2 === 0),
      }));
      expect(messages.journaled(silent, result.found.gateway)).not.toEqual([]);
    });

    it('I6: find what is not over, an order without a pair, and a pair without an order', () => {
      const open = tampered((node) => ({ ...node, leftOver: { ...node.leftOver, 'open-side': ['a!first'] } }));
      expect(outcomes.nothingLeft(open)).toHaveLength(1);
      const { nodes, acts } = result.found;
      const orders = acts.filter(({ note, sent }) => note !== undefined && sent.disposition === 'intercepted');
      expect(messages.oneResult(nodes, [...acts, ...orders.slice(0, 1)])).toHaveLength(1);
      expect(
        messages.oneResult(
          nodes,
          acts.filter((act) => act !== orders[0]),
        ),
      ).toHaveLength(1);
    });

    it('I6: find a user who was told twice, not at all, or the contrary', () => {
      const { nodes, gateway } = result.found;
      const isEnd = ({ message }: Gateway['told'][number]): boolean =>
        message.pair !== undefined && !isPending(message.text) && questionCode(message.text) === undefined;
      const at = gateway.told.findIndex((told) => isEnd(told) && saysDone(told.message.text));
      const end = gateway.told[at];
      if (end === undefined) throw new Error('nobody was told an end');
      const others = gateway.told.filter((told) => told !== end);
      const contrary = { ...end, message: { ...end.message, text: 'Cancelled: You paid nothing.' } };
      expect(messages.toldOnce(nodes, gatewayWith({ told: others }))).toHaveLength(1);
      expect(messages.toldOnce(nodes, gatewayWith({ told: [...gateway.told, end] }))).toHaveLength(1);
      expect(messages.toldOnce(nodes, gatewayWith({ told: [...others, contrary] }))).toHaveLength(1);
    });

    it('I6: find a payment that nobody said yes to', () => {
      const { nodes, acts } = result.found;
      const without = acts.filter(({ kind }) => kind !== 'answer');
      expect(messages.answersKept(nodes, without)).not.toEqual([]);
    });

    it('I7: find a commitment that does not open, and a batch that is not reconciled', () => {
      const nodes = tampered((node) => {
        const peerCommitments = changed(
          node.peerCommitments,
          (_, key) =>
            [...node.batches.values()].some(({ record }) => record.pairs.some((pair) => key.startsWith(pair))),
          () => `0x${'2'.repeat(64)}` as Hash,
        );
        return peerCommitments && { ...node, peerCommitments };
      });
      expect(outcomes.opened(nodes, result.found.chain)).not.toEqual([]);
      const [batch] = result.found.chain.batches.values();
      if (batch === undefined) throw new Error('there is no batch');
      const batches = new Map([...result.found.chain.batches, [batch.batchId, { ...batch, reconciled: false }]]);
      expect(outcomes.opened(result.found.nodes, { ...result.found.chain, batches })).toHaveLength(1);
    });

    it('I7: find that an auditor counts other pairs than the stores', () => {
      expect(outcomes.auditedAll(result.found.nodes, { problems: [], committed: 0 })).toHaveLength(1);
    });

    it('find a journal with a gap, and an accusation', () => {
      const nodes = tampered((node) => ({ ...node, journal: node.journal.filter((_, index) => index !== 1) }));
      expect(outcomes.journals(nodes, result.found.heads)).toHaveLength(1);
      const [first, ...heads] = result.found.heads;
      if (first === undefined) throw new Error('no journal was anchored');
      const forged = [{ ...first, head: `0x${'f'.repeat(64)}` }, ...heads];
      expect(outcomes.journals(result.found.nodes, forged)).toHaveLength(1);
      expect(outcomes.journals(result.found.nodes, [])).toHaveLength(2);
      expect(outcomes.nobodyAccused(result.found.nodes, new Map([['discrepancy', 1]]))).toHaveLength(1);
    });
  });
});
