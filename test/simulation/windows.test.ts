/** Settlement windows: whatever stops a node, both books end at zero; what is booked otherwise is found, and signed by nobody. */
import { describe, expect, it } from 'vitest';
import type { PaymentRecord } from '../../operator-node/domains/payments/records.ts';
import type { Engine } from '../../operator-node/engine/engine.ts';
import { changeCap } from '../../operator-node/flow/greet.ts';
import { closeWindow } from '../../operator-node/flow/windows/close.ts';
import { dischargeWindow } from '../../operator-node/flow/windows/discharge.ts';
import { isOverdue } from '../../operator-node/flow/windows/windows.ts';
import { locate } from '../../operator-node/flow/windows/locate.ts';
import {
  lastWindow,
  loadWindow,
  openWindowTable,
  statementTable,
  windowHeadTable,
  windowKey,
  windowTable,
  type WindowRecord,
} from '../../operator-node/flow/windows/window.ts';
import { paymentTable } from '../../operator-node/domains/payments/records.ts';
import type { Amount, Asset, OperatorId, UnixMillis } from '../../operator-node/model/ids.ts';
import { crashPoints } from './golden.ts';
import { close, pay as payAll } from './windows.ts';
import type { RunResult } from './run-result.ts';
import { simulate, type RunOptions, type Scripted, type World } from './world.ts';

const [aurora, borealis] = [1, 2] as OperatorId[] as [OperatorId, OperatorId];
const sek = 'SEK' as Asset;

const script: readonly Scripted[] = [
  { atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 lunch' },
  { atMillis: 50, from: [2, 2], to: [1, 2], text: 'PAY 2' },
  { atMillis: 100, from: [1, 2], to: [2, 2], text: 'REQUEST 1 rent' },
];

const flowOf = (world: World, operator: OperatorId) => {
  const flow = world.node(operator).serving?.node.flow;
  if (flow === undefined) throw new Error(`operator ${operator} is down`);
  return flow;
};

/** 500 − 200 − 100: what operator 1 owes operator 2 in the end. */
const net = '200';

const closesAndPays: NonNullable<RunOptions['staff']> = [
  {
    atMillis: 12_000,
    act: (world) => {
      close(world, aurora, borealis);
    },
  },
  { atMillis: 18_000, act: payAll },
];

const run = (options: Partial<RunOptions>): Promise<RunResult> =>
  simulate({ seed: 2, calm: true, script, spanMillis: 24_000, staff: closesAndPays, ...options });

const recordOf = (world: World, operator: OperatorId, number = 1): WindowRecord => {
  const found = loadWindow(flowOf(world, operator).engine.newest, operator === aurora ? borealis : aurora, number);
  if (found === undefined) throw new Error(`operator ${operator} has no window ${number}`);
  return found;
};

/** What was thrown, as one line; undefined where nothing was. */
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing was refused',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

describe('closeWindow', () => {
  it('refuses where nothing has moved', async () => {
    const said: Promise<string>[] = [];
    const { violation } = await run({
      script: [],
      spanMillis: 8_000,
      staff: [{ atMillis: 6_000, act: (world) => said.push(refusal(closeWindow(flowOf(world, aurora), borealis))) }],
    });
    expect(violation).toBeUndefined();
    expect(await Promise.all(said)).toEqual([expect.stringContaining('Nothing has been booked')]);
  });

  it('refuses while the one before is not anchored', async () => {
    const said: Promise<string>[] = [];
    const again = (operator: OperatorId, peer: OperatorId) => ({
      atMillis: 12_400,
      act: (world: World) => said.push(refusal(closeWindow(flowOf(world, operator), peer))),
    });
    const { violation } = await run({
      staff: [
        {
          atMillis: 12_000,
          act: (world) => {
            close(world, aurora, borealis);
          },
        },
        again(aurora, borealis),
        again(borealis, aurora),
      ],
    });
    expect(violation).toBeUndefined();
    for (const each of await Promise.all(said)) expect(each).toContain('is signed but not anchored yet');
    expect(said).toHaveLength(2);
  });

  it('gives both operators the same content, the net of their postings, and statements of their own', async () => {
    const seen: WindowRecord[] = [];
    const { violation } = await run({
      staff: [
        ...closesAndPays,
        { atMillis: 23_900, act: (world) => seen.push(recordOf(world, aurora), recordOf(world, borealis)) },
      ],
    });
    expect(violation).toBeUndefined();
    const [one, other] = seen;
    expect(one?.content.nets).toEqual([{ asset: sek, net }]);
    expect(other?.content).toEqual(one?.content);
    expect([one?.role, other?.role]).toEqual(['proposer', 'answerer']);
    expect([one?.state, other?.state]).toEqual(['discharged', 'discharged']);
    expect(one?.lines.map(({ statement }) => statement)).toEqual(other?.lines.map(({ statement }) => statement));
  });

  it('follows on where the last window ended, without a gap or an overlap', async () => {
    const windows: WindowRecord[] = [];
    const { violation } = await run({
      script: [...script, { atMillis: 20_000, from: [2, 1], to: [1, 1], text: 'PAY 3' }],
      spanMillis: 40_000,
      staff: [
        ...closesAndPays,
        {
          atMillis: 31_000,
          act: (world) => {
            close(world, borealis, aurora);
          },
        },
        { atMillis: 36_000, act: (world) => windows.push(recordOf(world, aurora, 1), recordOf(world, aurora, 2)) },
      ],
    });
    expect(violation).toBeUndefined();
    const [first, second] = windows;
    for (const lane of ['aToB', 'bToA'] as const) {
      expect(second?.content[lane].from).toBe((first?.content[lane].to ?? 0) + 1);
    }
    expect(second?.content.nets).toEqual([{ asset: sek, net: '-300' }]);
  });

  it('waits for a signature by a key that it does not know yet, and says so once', async () => {
    let known = true;
    const alarms: unknown[] = [];
    const seen: WindowRecord[] = [];
    const { violation } = await run({
      deaf: ['alarm'],
      plant: {
        parts: (parts, _world, operator) => ({
          ...parts,
          onEvent: (event) => {
            if (event.type === 'alarm') alarms.push(event);
            parts.onEvent(event);
          },
          signer: {
            sign: (digest) => parts.signer.sign(digest),
            verify: async (digest, signature, signers) =>
              (operator !== aurora || known) && (await parts.signer.verify(digest, signature, signers)),
          },
        }),
      },
      staff: [
        {
          atMillis: 12_000,
          act: (world) => {
            known = false;
            close(world, aurora, borealis);
          },
        },
        {
          atMillis: 15_000,
          act: (world) => {
            seen.push(recordOf(world, aurora));
            known = true;
          },
        },
        { atMillis: 20_000, act: payAll },
        { atMillis: 23_900, act: (world) => seen.push(recordOf(world, aurora)) },
      ],
    });
    expect(violation).toBeUndefined();
    expect(alarms).toEqual([
      { type: 'alarm', what: 'window-not-signed', peer: borealis, window: 1, refusal: 'wrong signature' },
    ]);
    expect(seen).toMatchObject([{ state: 'proposed', refusal: 'wrong signature' }, { state: 'discharged' }]);
    expect(seen[1]).not.toHaveProperty('refusal');
  });

  it('comes to one window when both close at once, whoever is heard first', async () => {
    for (const seed of [2, 4, 6, 8]) {
      let windows: (WindowRecord | undefined)[] = [];
      const { violation } = await run({
        seed,
        spanMillis: 72_000,
        staff: [
          {
            atMillis: 40_000,
            act: (world) => {
              close(world, aurora, borealis);
              close(world, borealis, aurora);
            },
          },
          {
            atMillis: 70_000,
            act: (world) => {
              windows = [
                lastWindow(flowOf(world, aurora).engine.newest, borealis),
                lastWindow(flowOf(world, borealis).engine.newest, aurora),
              ];
            },
          },
        ],
      });
      expect(violation).toBeUndefined();
      expect(windows[0]?.content).toBeDefined();
      expect(windows[0]?.content).toEqual(windows[1]?.content);
    }
  });
});

/** As after a restored store that is older than the window. */
const forgetWindow = (world: World, operator: OperatorId, { peer, content, lines }: WindowRecord): Promise<void> =>
  flowOf(world, operator).engine.run((work) => {
    const key = windowKey(peer, content.number);
    work.del(windowTable, key);
    work.del(openWindowTable, key);
    work.del(windowHeadTable, String(peer));
    for (const { statement } of lines) work.del(statementTable, statement);
  });

describe('a window that its proposer has left', () => {
  const takesOver = { atMillis: 50_000, act: (world: World): void => close(world, borealis, aurora) };
  const pays = { atMillis: 58_000, act: payAll };

  it('is taken over by the operator that has signed it, and the books end at zero', async () => {
    const seen: WindowRecord[] = [];
    let forgotten = false;
    const { violation } = await run({
      spanMillis: 66_000,
      staff: [
        { atMillis: 12_000, act: (world) => close(world, aurora, borealis) },
        takesOver,
        pays,
        { atMillis: 65_900, act: (world) => seen.push(recordOf(world, aurora), recordOf(world, borealis)) },
      ],
      plant: {
        parts: (parts, world, operator) => ({
          ...parts,
          onEvent: (event) => {
            parts.onEvent(event);
            if (operator !== borealis || event.type !== 'window-signed' || forgotten) return;
            forgotten = true;
            world.time.after(0, () => void forgetWindow(world, aurora, recordOf(world, aurora)));
          },
        }),
      },
    });
    expect(violation).toBeUndefined();
    expect(forgotten).toBe(true);
    expect(seen.map(({ role, state }) => [role, state])).toEqual([
      ['answerer', 'discharged'],
      ['proposer', 'discharged'],
    ]);
    expect(seen[1]?.content).toEqual(seen[0]?.content);
  });

  it('is anchored once where both have it, and both take what the chain has', async () => {
    const seen: WindowRecord[] = [];
    const stall = (stalled: boolean) => (world: World) => {
      world.stalled = stalled;
    };
    const { violation } = await run({
      spanMillis: 66_000,
      staff: [
        { atMillis: 12_000, act: (world) => close(world, aurora, borealis) },
        // Sent, and in no block until the other has sent it too.
        { atMillis: 12_100, act: stall(true) },
        takesOver,
        { atMillis: 51_000, act: stall(false) },
        pays,
        { atMillis: 65_900, act: (world) => seen.push(recordOf(world, aurora), recordOf(world, borealis)) },
      ],
      plant: { rings: ['chain-stalled'] },
    });
    expect(violation).toBeUndefined();
    expect(seen.map(({ role, state }) => [role, state])).toEqual([
      ['proposer', 'discharged'],
      ['proposer', 'discharged'],
    ]);
  });
});

describe('dischargeWindow', () => {
  it('refuses an unknown window or asset, the payer, another reference; the same again changes nothing', async () => {
    const said: Promise<string>[] = [];
    const payment = { number: 1, asset: sek, reference: 'RIX 4711' };
    const order = (world: World, by: OperatorId, change: Partial<typeof payment> = {}) => {
      const peer = by === aurora ? borealis : aurora;
      said.push(refusal(dischargeWindow(flowOf(world, by), { peer, ...payment, ...change })));
    };
    const { violation } = await run({
      staff: [
        {
          atMillis: 12_000,
          act: (world) => {
            close(world, aurora, borealis);
          },
        },
        {
          atMillis: 20_000,
          act: (world) => {
            order(world, borealis, { number: 2 });
            order(world, borealis, { asset: 'EUR' as Asset });
            order(world, aurora);
            order(world, borealis);
            order(world, borealis, { reference: 'RIX 4712' });
            order(world, borealis);
          },
        },
      ],
    });
    expect(violation).toBeUndefined();
    expect(await Promise.all(said)).toEqual([
      'Window 2 with operator 1 does not exist.',
      'Window 1 with operator 1 has no EUR, only SEK.',
      'In SEK of window 1 operator 2 is paid, and says so.',
      'nothing was refused',
      expect.stringContaining('was already discharged with reference "RIX 4711", not "RIX 4712"'),
      'nothing was refused',
    ]);
  });
});

describe('a peer that is silent', () => {
  it('leaves the window as it is, overdue in time; it goes on when the peer is back', async () => {
    const seen: unknown[] = [];
    const look = (world: World): void => {
      const flow = flowOf(world, aurora);
      const window = recordOf(world, aurora);
      const now = flow.engine.clock.now();
      const later = (now + (flow.config.settlement.overdueSeconds + 60) * 1000) as UnixMillis;
      seen.push([window.state, isOverdue(flow, window, now), isOverdue(flow, window, later)]);
    };
    const { violation } = await run({
      spanMillis: 30_000,
      staff: [
        {
          atMillis: 11_500,
          act: (world) => {
            world.node(borealis).keptDown = true;
            world.node(borealis).die('its operator says nothing');
          },
        },
        {
          atMillis: 12_000,
          act: (world) => {
            close(world, aurora, borealis);
          },
        },
        { atMillis: 18_000, act: look },
        {
          atMillis: 18_100,
          act: (world) => {
            world.node(borealis).start();
          },
        },
        { atMillis: 29_000, act: look },
      ],
    });
    expect(violation).toBeUndefined();
    expect(seen).toEqual([
      ['proposed', false, true],
      ['anchored', false, true],
    ]);
  });
});

describe('closeByClock', () => {
  const everySeconds = { 2: 10 };
  const numbers = (world: World): number[] => {
    const view = flowOf(world, aurora).engine.newest;
    return [1, 2, 3].filter((number) => loadWindow(view, borealis, number) !== undefined);
  };

  it('closes nothing before a period ends, and nothing where nothing has moved', async () => {
    const seen: unknown[] = [];
    const { violation } = await run({
      script: [],
      settlement: { everySeconds },
      spanMillis: 24_000,
      staff: [{ atMillis: 23_000, act: (world) => seen.push(numbers(world)) }],
    });
    expect(violation).toBeUndefined();
    expect(seen).toEqual([[]]);
  });

  it('closes one in each period in which something has moved, by the operator with the lower id', async () => {
    const seen: unknown[] = [];
    const { violation } = await run({
      script: [...script, { atMillis: 24_000, from: [2, 1], to: [1, 1], text: 'PAY 3' }],
      settlement: { everySeconds },
      spanMillis: 48_000,
      staff: [
        { atMillis: 23_500, act: (world) => seen.push(numbers(world)) },
        { atMillis: 23_600, act: payAll },
        { atMillis: 47_500, act: (world) => seen.push(numbers(world), recordOf(world, aurora, 2)) },
      ],
    });
    expect(violation).toBeUndefined();
    const [early, late, second] = seen as [number[], number[], WindowRecord];
    expect(early).toEqual([1]);
    expect(late).toEqual([1, 2]);
    expect(second).toMatchObject({ role: 'proposer', content: { nets: [{ asset: sek, net: '-300' }] } });
  });

  it('does so whatever stops the node that closes', { timeout: 120_000 }, async () => {
    const options = { settlement: { everySeconds }, staff: [{ atMillis: 22_000, act: payAll }], spanMillis: 28_000 };
    const closed: number[] = [];
    const look = { atMillis: 27_900, act: (world: World) => closed.push(numbers(world).length) };
    const golden = await run(options);
    const wrong: string[] = [];
    let points = 0;
    for (const { name, enumerated } of crashPoints(golden, aurora)) {
      if (enumerated.write?.fate !== 'lost' || enumerated.write.at % 3 !== 0) continue;
      points += 1;
      closed.length = 0;
      const { violation } = await run({ ...options, staff: [...options.staff, look], enumerated });
      if (violation !== undefined) wrong.push(`${name}: ${violation.message}`);
      if (closed.join() !== '1') wrong.push(`${name}: ${closed.join() || 'nothing'} closed`);
    }
    expect(wrong).toEqual([]);
    expect(points).toBeGreaterThan(10);
  });
});

describe('a crash anywhere in the life of a window', () => {
  for (const operator of [aurora, borealis]) {
    it(`leaves both books at zero: operator ${operator}`, { timeout: 180_000 }, async () => {
      const golden = await run({});
      expect(golden.violation).toBeUndefined();
      const wrong: string[] = [];
      let points = 0;
      for (const { name, enumerated } of crashPoints(golden, operator)) {
        const fate = enumerated.write?.fate ?? enumerated.send?.fate;
        if (fate !== 'lost' && fate !== 'dies-after') continue;
        points += 1;
        const { violation } = await run({ enumerated });
        if (violation !== undefined) wrong.push(`${name}: ${violation.message}`);
      }
      expect(wrong).toEqual([]);
      expect(points).toBeGreaterThan(40);
    });
  }
});

/** One posting of an operator's books is of another amount, as after a fault of its ledger. */
async function misbook(engine: Engine, position: string): Promise<string> {
  for await (const [key, record] of engine.store.scan(paymentTable)) {
    const wrong: PaymentRecord = {
      ...record,
      entries: record.entries.map((entry) => ({
        ...entry,
        lines: entry.lines.map(([name, amount]) => [name, name === position ? `${BigInt(amount) + 1n}` : amount]),
      })),
    };
    if (JSON.stringify(wrong) === JSON.stringify(record)) continue;
    await engine.run((work) => {
      work.put(paymentTable, key, wrong);
    });
    return key.slice(0, 36);
  }
  throw new Error(`no payment of ${position}`);
}

describe('books that differ', () => {
  for (const [by, own] of [
    [aurora, 'otherwise'],
    [borealis, 'as-agreed'],
  ] as const) {
    it(`are signed by nobody, and the pair is found: operator ${by} has booked it wrong`, async () => {
      let pair: string | undefined;
      let window: WindowRecord | undefined;
      let located: Awaited<ReturnType<typeof locate>> | undefined;
      const peer = by === aurora ? borealis : aurora;
      await run({
        deaf: ['alarm', 'I6'],
        staff: [
          {
            atMillis: 12_000,
            act: (world) => {
              void misbook(flowOf(world, by).engine, `position:${peer}`).then((found) => {
                pair = found;
                close(world, aurora, borealis);
              });
            },
          },
          {
            atMillis: 18_000,
            act: (world) => {
              window = lastWindow(flowOf(world, aurora).engine.newest, borealis);
              void locate(flowOf(world, aurora), borealis).then((found) => {
                located = found;
              });
            },
          },
        ],
      });
      expect(window?.state).toBe('differs');
      expect(window?.lines.every(({ peerSignature }) => peerSignature === undefined)).toBe(true);
      expect(located?.differences.map((each) => [each.pair, each.own])).toEqual([[pair, own]]);
    });
  }
});

describe('a cap that one operator lowers', () => {
  it('is agreed in the handshake, counts at the other too, and bites until the window is discharged', async () => {
    const pay = (atMillis: number, amount: string): Scripted => ({
      atMillis,
      from: [1, 1],
      to: [2, 1],
      text: `PAY ${amount} lunch`,
    });
    const agreed: (string | undefined)[] = [];
    const look = (world: World): void => {
      agreed.push(flowOf(world, aurora).caps.of(borealis, sek), flowOf(world, borealis).caps.of(aurora, sek));
    };
    const result = await run({
      // The second would be 700 of 600; the third comes when the first is paid.
      script: [pay(2_000, '5'), pay(8_000, '2'), pay(45_000, '2')],
      spanMillis: 60_000,
      trace: true,
      staff: [
        {
          atMillis: 0,
          act: (world) => {
            void changeCap(flowOf(world, aurora), borealis, sek, '900' as Amount);
            void changeCap(flowOf(world, borealis), aurora, sek, '600' as Amount);
          },
        },
        { atMillis: 1_900, act: look },
        {
          atMillis: 25_000,
          act: (world) => {
            close(world, aurora, borealis);
          },
        },
        { atMillis: 32_000, act: payAll },
      ],
    });
    expect(result.violation).toBeUndefined();
    expect(agreed).toEqual(['600', '600']);
    // The one that was refused never became a pair: this operator looked before it held anything.
    expect([result.pairs, result.committed]).toEqual([4, 4]);
    expect(result.lines.filter((line) => line.includes('not-available'))).toHaveLength(1);
  });
});
