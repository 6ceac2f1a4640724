/**
 * Either node is killed outright at twenty random moments while messages flow, and started again. A gateway that got no
 * 202 sends again with the same id. Nothing may be lost or doubled.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../../operator-node/api/client.ts';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import { ChainWatch } from '../../scripts/devnet/chain-watch.ts';
import { mirror, noHolds, pairOutcomes, readBooks, sumsConstant, type Books } from '../../scripts/devnet/checks.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

const kills = 20;
const people = ['anna', 'björn', 'elin', 'george', 'ida'];
const noteOf = (text: string): string | undefined => /"(w\d+)"$/.exec(text)?.[1];

interface Order {
  readonly id: string;
  readonly note: string;
  readonly from: string;
  readonly to: string;
  readonly kind: 'pay' | 'request';
  /** Minor units of SEK. */
  readonly amount: number;
  disposition?: string;
}

const isQuestion = (text: string): boolean => /(?:YES|JA) \w+/.test(text) && !/(?:REFUND|ÅTERBETALA)/.test(text);
const isPending = (text: string): boolean => /^(?:Waiting for|Väntar på|You asked|Du har begärt)/.test(text);
const isPaid = (text: string): boolean =>
  /(?:^You paid (?!nothing)|^Du betalade (?!inget)| paid you | betalade dig )/.test(text);

/** Replies to an answer, which name the pair of the question. */
const isReply = (text: string): boolean => /answered already|redan besvarad|Too late|För sent/.test(text);

let net: TestNet;
let opening: Books;
let chain: ChainWatch;
let sending = true;
let answering = true;
const orders: Order[] = [];
const answered = new Map<string, { readonly id: string; readonly from: string; readonly text: string }>();
const refusedAnswers: string[] = [];

beforeAll(async () => {
  net = await TestNet.start({
    // Short windows, so that what nobody answered is over before the test's end.
    overrides: { timing: { acceptSeconds: 30, acceptWindowSeconds: 60, commitMarginSeconds: 5 } },
  });
  opening = await readBooks(net.file, net.devnet.clients);
  chain = new ChainWatch({
    rpcUrl: net.file.rpcUrl,
    contract: net.file.contracts.PairSettlement,
    fromBlock: 0,
    handleOf: String,
    say: () => {},
  });
});

afterAll(async () => {
  sending = answering = false;
  expect(net.deaths).toEqual([]);
  await net.stop();
});

/** Until there is a 202; what is refused for good is the test's own fault. */
async function deliver(from: string, to: string, text: string, id: string): Promise<string> {
  for (;;) {
    try {
      return await net.send(from, to, text, id);
    } catch (error) {
      if (!(error instanceof ApiError) || ![0, 429, 503].includes(error.status)) throw error;
      await sleep(50);
    }
  }
}

async function keepOrdering(from: string): Promise<void> {
  while (sending) {
    const others = people.filter((name) => name !== from);
    const to = others[randomInt(others.length)] ?? 'anna';
    const kind = randomInt(3) === 0 ? 'request' : 'pay';
    const swedish = net.user(from).language === 'sv';
    const keyword = kind === 'pay' ? (swedish ? 'BETALA' : 'PAY') : swedish ? 'BEGÄR' : 'REQUEST';
    const amount = 1 + randomInt(5);
    const order: Order = { id: randomUUID(), note: `w${orders.length}`, from, to, kind, amount: amount * 100 };
    orders.push(order);
    order.disposition = await deliver(from, to, `${keyword} ${amount} ${order.note}`, order.id);
    await sleep(randomInt(250));
  }
}

async function keepAnswering(): Promise<void> {
  let read = 0;
  const underWay: Promise<void>[] = [];
  while (answering) {
    for (; read < net.received.length; read += 1) {
      const message = net.received[read];
      if (message === undefined || message.pair === undefined || !isQuestion(message.text)) continue;
      if (answered.has(message.pair)) continue;
      const name = people.find((each) => net.user(each).number === message.to);
      const code = /(?:YES|JA) (\w+)/.exec(message.text)?.[1];
      if (name === undefined || code === undefined) continue;
      const yes = randomInt(5) > 0;
      const swedish = net.user(name).language === 'sv';
      const text = `${yes ? (swedish ? 'JA' : 'YES') : swedish ? 'NEJ' : 'NO'} ${code}`;
      const answer = { id: randomUUID(), from: name, text };
      answered.set(message.pair, answer);
      underWay.push(
        deliver(name, 'service', text, answer.id).then((disposition) => {
          if (disposition !== 'intercepted') refusedAnswers.push(`${name}: ${text}`);
        }),
      );
    }
    await sleep(30);
  }
  await Promise.all(underWay);
}

describe('a node that is killed and started again', () => {
  it(`is where it was, ${kills} times`, { timeout: 600_000 }, async () => {
    const work = [...people.map(keepOrdering), keepAnswering()];
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(randomInt(20, 900));
      const handle = randomInt(2) === 0 ? 'aurora' : 'borealis';
      await net.devnet.killNode(handle);
      net.devnet.startNode(handle);
      await net.devnet.waitForNode(handle);
    }
    sending = false;
    await Promise.all(work.slice(0, people.length));
    expect(orders.length).toBeGreaterThan(kills);
    await until(
      async () => {
        await net.readPhones();
        await chain.read();
        const books = await readBooks(net.file, net.devnet.clients);
        const reconciled = [...chain.batches.values()].every((batch) => batch.reconciled);
        return noHolds(books).ok && reconciled && allTold() ? true : undefined;
      },
      {
        timeoutMillis: 120_000,
        everyMillis: 500,
        failure: () => {
          const open = [...chain.batches.values()].filter((batch) => !batch.reconciled);
          return `not all is over: ${open.length} batches open, untold orders: ${JSON.stringify(untold().slice(0, 5))}`;
        },
      },
    );
    answering = false;
    await work.at(-1);
  });

  it('has one result for each order, and one message of each kind on each phone', async () => {
    await net.readPhones();
    expect(new Set(net.received.map(({ id }) => id)).size).toBe(net.received.length);
    const faults: string[] = [];
    const pairs = pairsByNote();
    for (const order of orders) {
      const texts = net.received.filter(({ text }) => noteOf(text) === order.note);
      if (order.disposition !== 'intercepted') {
        if (texts.length > 0) faults.push(`${order.note} was ${order.disposition}, and yet: ${texts[0]?.text}`);
        continue;
      }
      const results = resultsOf(order, pairs.get(order.note));
      const mine = texts.filter(({ to }) => to === net.user(order.from).number).map(({ text }) => text);
      const theirs = texts.filter(({ to }) => to === net.user(order.to).number).map(({ text }) => text);
      const said = `${order.note}: ${JSON.stringify({ mine, theirs, results })}`;
      const pending = mine.filter(isPending).length;
      if (pending > 1 || results.length > 1 || (texts.length > 0 && results.length === 0))
        faults.push(`first, ${said}`);
      const asked = theirs.filter(isQuestion).length;
      const theirResults = theirs.filter((text) => !isQuestion(text));
      if (asked > 1 || theirResults.length !== asked) faults.push(`second, ${said}`);
      if (asked === 1 && results.some(isPaid) !== theirResults.some(isPaid)) faults.push(`two outcomes, ${said}`);
    }
    // As many early refusals as orders without another result, each of a pair of its own.
    for (const name of people) {
      const refused = withoutResult().filter(({ from }) => from === name).length;
      const pairsOf = new Set(earlyRefusals(name).map(({ pair }) => pair));
      expect([earlyRefusals(name).length, pairsOf.size], name).toEqual([refused, refused]);
    }
    expect(faults).toEqual([]);
  });

  it('has moved exactly what its messages say', async () => {
    for (const name of people) {
      const paid = orders.filter((order) =>
        net.received.some(
          ({ to, text }) => to === net.user(order.from).number && noteOf(text) === order.note && isPaid(text),
        ),
      );
      const before = BigInt(net.user(name).accounts.find(({ asset }) => asset === 'SEK')?.balance ?? '0');
      const change = paid.reduce((sum, { from, to, kind, amount }) => {
        const [payer, payee] = kind === 'pay' ? [from, to] : [to, from];
        return sum + (payee === name ? amount : 0) - (payer === name ? amount : 0);
      }, 0);
      expect((await net.balances(name))['SEK'], name).toEqual({ balance: String(before + BigInt(change)), held: '0' });
    }
  });

  it('has kept its books: sums, positions, one outcome a pair on both nodes and on chain', async () => {
    const books = await readBooks(net.file, net.devnet.clients);
    const pairs = new Set(net.received.flatMap(({ pair }) => pair ?? []));
    const { findings } = await pairOutcomes(net.file, net.devnet.clients, pairs);
    const all = [noHolds(books), sumsConstant(opening, books, net.file), mirror(books), ...findings];
    expect(all.filter(({ ok }) => !ok)).toEqual([]);
    expect([...chain.batches.values()].filter(({ discrepancy }) => discrepancy)).toEqual([]);
  });

  it('still gives each message the answer that it gave', async () => {
    for (const order of orders.slice(-20)) {
      const keyword = order.kind === 'pay' ? ['PAY', 'BETALA'] : ['REQUEST', 'BEGÄR'];
      const text = `${keyword[net.user(order.from).language === 'sv' ? 1 : 0]} ${order.amount / 100} ${order.note}`;
      expect(await net.send(order.from, order.to, text, order.id)).toBe(order.disposition);
    }
    const last = [...answered.values()].at(-1);
    if (last !== undefined) await net.send(last.from, 'service', last.text, last.id);
  });
});

/** By note, the pair that messages with it name. */
function pairsByNote(): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const { text, pair } of net.received) {
    const note = noteOf(text);
    if (note !== undefined && pair !== undefined) pairs.set(note, pair);
  }
  return pairs;
}

/** What the first user was told about the end of an order: refusals name the pair, but quote no note. */
function resultsOf(order: Order, pair: string | undefined): string[] {
  const { number } = net.user(order.from);
  return net.received.flatMap((message) => {
    const about = noteOf(message.text) === order.note || (pair !== undefined && message.pair === pair);
    const result = message.to === number && about && !isPending(message.text) && !isReply(message.text);
    return result ? [message.text] : [];
  });
}

/** Orders that were taken and about whose end no message can be told to be. */
function withoutResult(): Order[] {
  const pairs = pairsByNote();
  return orders.filter(
    (order) => order.disposition === 'intercepted' && resultsOf(order, pairs.get(order.note)).length === 0,
  );
}

/** Refusals of orders that never got as far as a message with a note. */
function earlyRefusals(name: string): OutboundMessage[] {
  const { number } = net.user(name);
  const known = new Set(pairsByNote().values());
  return net.received.filter(
    ({ to, text, pair }) => to === number && pair !== undefined && !known.has(pair) && !isReply(text),
  );
}

/** Orders that were taken and whose sender has not been told how they ended. */
function untold(): Order[] {
  const waiting = withoutResult();
  return people.flatMap((name) => waiting.filter(({ from }) => from === name).slice(earlyRefusals(name).length));
}

const allTold = (): boolean => untold().length === 0;
