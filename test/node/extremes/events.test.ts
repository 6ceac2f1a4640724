/**
 * Every field of every event of the contracts, at the ends of its type and beyond: the other logs of the same block are
 * applied, and those of the blocks after it. The fields are those of the ABI; a type without extremes fails here.
 */
import { EventFragment, id } from 'ethers';
import { describe, expect, it } from 'vitest';
import { loadRequest } from '../../../operator-node/flow/requests/request.ts';
import { requestList, requestsOf } from '../../../operator-node/api/request-routes.ts';
import { cursorTable } from '../../../operator-node/chain/cursor.ts';
import { contracts, interfaceOf, TestChain, beginning, type RawLog } from './chain.ts';
import { startNode, type TestNode } from './node.ts';
import { encodeFields, extremesOf, fieldsOf, hexOf, plainOf, type Extreme, type Field } from './values.ts';

type Contract = keyof typeof contracts;

const eventsOf = (contract: Contract): readonly EventFragment[] =>
  interfaceOf(contract).fragments.filter((fragment) => fragment instanceof EventFragment);

/** Which operator stands in its fields: this one, or another. */
type Names = 'self' | 'others';

const operatorWord = (operator: number): Uint8Array => Buffer.from(operator.toString(16).padStart(64, '0'), 'hex');
const isOperator = ({ name }: Field): boolean =>
  /^(?:operatorId|initiator|acceptor|operatorA|operatorB|payee|payer)$/.test(name);

/** With both parties of a batch or statement, the second is another operator. */
function plainFields(fields: readonly Field[], names: Names): Map<string, Uint8Array> {
  let next = names === 'self' ? 1 : 2;
  return new Map(
    fields.map((field) => {
      const value = isOperator(field) ? operatorWord(next++) : plainOf(field);
      return [field.name, value] as const;
    }),
  );
}

function logOf(contract: Contract, event: EventFragment, values: ReadonlyMap<string, Uint8Array>): RawLog {
  const fields = fieldsOf(event.inputs);
  const indexed = fields.filter((_, index) => event.inputs[index]?.indexed === true);
  const rest = fields.filter((_, index) => event.inputs[index]?.indexed !== true);
  return {
    address: contracts[contract],
    topics: [event.topicHash, ...indexed.map(({ name }) => hexOf(values.get(name) ?? new Uint8Array(32)))],
    data: hexOf(encodeFields(rest, values)),
  };
}

interface Case {
  readonly name: string;
  readonly log: RawLog;
}

/** Each field by itself, the others plain, once with this operator named and once with others. */
function casesOf(contract: Contract, event: EventFragment): readonly Case[] {
  const fields = fieldsOf(event.inputs);
  const plain = { name: `${event.name}, plain`, log: logOf(contract, event, plainFields(fields, 'self')) };
  const extreme = (['self', 'others'] as const).flatMap((names) =>
    fields.flatMap((field) =>
      extremesOf(field.type).map(({ name, bytes }: Extreme): Case => {
        const values = plainFields(fields, names).set(field.name, bytes);
        return { name: `${event.name}.${field.name} = ${name}, naming ${names}`, log: logOf(contract, event, values) };
      }),
    ),
  );
  return [plain, ...extreme];
}

const firstGood = 1_000_000;

/** A log that this node applies: an auditor's request to it, of that number. */
function good(request: number): RawLog {
  const event = interfaceOf('AuditLog').getEvent('DisclosureRequested') as EventFragment;
  const values = plainFields(fieldsOf(event.inputs), 'self');
  const word = (value: number): Uint8Array => operatorWord(value);
  values
    .set('requestId', word(request))
    // Each of another auditor: of one, only so many are kept.
    .set('auditorId', word(request))
    .set('madeAt', word(beginning))
    .set('due', word(beginning + 86_400));
  return logOf('AuditLog', event, values);
}

async function opened(): Promise<{ chain: TestChain; test: TestNode }> {
  const chain = new TestChain();
  for (const operator of [1, 2, 3]) chain.admit(operator);
  return { chain, test: await startNode(chain) };
}

describe.each(Object.keys(contracts) as Contract[])('events of %s', (contract) => {
  it.each(eventsOf(contract).map((event) => [event.name, event] as const))(
    '%s: a field at the ends of its type stops nobody',
    async (_, event) => {
      const { chain, test } = await opened();
      const cases = casesOf(contract, event);
      const blocks = cases.map(({ log }, index) =>
        chain.add(good(firstGood + 2 * index), log, good(firstGood + 2 * index + 1)),
      );
      const stoppedAt = await test.catchUp();
      const at = blocks.indexOf(stoppedAt + 1);
      expect(test.node.watcher.status.trouble?.message, cases[at]?.name).toBeUndefined();
      expect(test.fatal, cases[at]?.name).toEqual([]);
      expect(stoppedAt).toBe(chain.height);
      const listed = await requestsOf(test.node.flow);
      const lost = cases.filter((_, index) =>
        [0, 1].some((side) => loadRequest(test.store.newest, firstGood + 2 * index + side) === undefined),
      );
      expect(lost.map(({ name }) => name)).toEqual([]);
      expect(test.store.newest.get(cursorTable, 'chain')?.number).toBe(chain.height);
      expect(() => requestList.parse(listed)).not.toThrow();
      expect(test.failures.filter(({ error }) => !(error as Error).message.includes('not in this test'))).toEqual([]);
    },
    60_000,
  );
});

describe('a log that concerns this operator and cannot be read', () => {
  const checkpoint = (operator: number, entry: bigint): RawLog => {
    const event = interfaceOf('AuditLog').getEvent('JournalCheckpoint') as EventFragment;
    const values = plainFields(fieldsOf(event.inputs), 'self')
      .set('operatorId', operatorWord(operator))
      .set('entry', Buffer.from(entry.toString(16).padStart(64, '0'), 'hex'));
    return logOf('AuditLog', event, values);
  };

  it('is not even decoded where it names others', async () => {
    const { chain, test } = await opened();
    chain.add(checkpoint(2, (1n << 64n) - 1n), good(firstGood));
    await test.catchUp();
    expect(test.events.filter(({ type }) => type === 'alarm')).toEqual([]);
    expect(loadRequest(test.store.newest, firstGood)).toBeDefined();
  });

  it('is evidence against its sender, an alarm, and passed over', async () => {
    const { chain, test } = await opened();
    const event = interfaceOf('PairSettlement').getEvent('BatchPrepared') as EventFragment;
    const values = plainFields(fieldsOf(event.inputs), 'self')
      .set('initiator', operatorWord(2))
      .set('acceptor', operatorWord(1))
      .set('sequence', Buffer.from('f'.repeat(16).padStart(64, '0'), 'hex'));
    chain.add(logOf('PairSettlement', event, values), good(firstGood));
    await test.catchUp();
    expect(test.alarms()).toMatchObject([
      {
        what: 'unreadable-log',
        event: 'BatchPrepared',
        by: 'operator 2',
        detail: expect.stringContaining('sequence'),
      },
    ]);
    expect(loadRequest(test.store.newest, firstGood)).toBeDefined();
  });

  it('halts where it is a checkpoint of this operator’s own account', async () => {
    const { chain, test } = await opened();
    chain.add(checkpoint(1, 1n << 53n), good(firstGood));
    await test.catchUp();
    expect(test.alarms().map(({ what }) => what)).toEqual(['unreadable-log', 'foreign-journal-head']);
    expect(test.node.flow.open.halted).toBe(true);
    expect(loadRequest(test.store.newest, firstGood)).toBeDefined();
  });
});

describe('what no contract writes', () => {
  const prepared = (): RawLog => {
    const event = interfaceOf('PairSettlement').getEvent('PairsDecided') as EventFragment;
    return logOf('PairSettlement', event, plainFields(fieldsOf(event.inputs), 'self'));
  };

  it.each([
    ['no data', (log: RawLog) => ({ ...log, data: '0x' })],
    ['data that is cut', (log: RawLog) => ({ ...log, data: log.data.slice(0, -2) })],
    ['too few topics', (log: RawLog) => ({ ...log, topics: log.topics.slice(0, 2) })],
  ])('%s: the node stays at that block, names it, and goes on when it is over', async (_, change) => {
    const { chain, test } = await opened();
    chain.add(good(firstGood));
    const bad = chain.add(change(prepared()), good(firstGood + 1));
    chain.add(good(firstGood + 2));
    expect(await test.catchUp()).toBe(bad - 1);
    expect(loadRequest(test.store.newest, firstGood)).toBeDefined();
    expect(test.node.watcher.status).toMatchObject({ running: true, trouble: { code: 'chain-unreadable' } });
    expect(test.node.watcher.status.trouble?.message).toMatch(new RegExp(`^Block ${bad} .*PairsDecided`));
    chain.replace(bad, good(firstGood + 1));
    await test.look();
    expect(await test.catchUp()).toBe(chain.height);
    expect(test.node.watcher.status.trouble).toBeUndefined();
    expect(loadRequest(test.store.newest, firstGood + 2)).toBeDefined();
  });

  it('an unknown event of theirs means nothing', async () => {
    const { chain, test } = await opened();
    for (const address of Object.values(contracts)) chain.add({ address, topics: [id('Nothing()')], data: '0x' });
    chain.add({ address: contracts.AuditLog, topics: [], data: '0x' }, good(firstGood));
    expect(await test.catchUp()).toBe(chain.height);
  });
});
