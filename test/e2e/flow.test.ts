import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError } from '../../operator-node/api/client.ts';
import { verify } from '../../operator-node/cli/verify.ts';
import { ChainWatch } from '../../scripts/devnet/chain-watch.ts';
import { mirror, noHolds, pairOutcomes, readBooks, sumsConstant, type Books } from '../../scripts/devnet/checks.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

let net: TestNet;
let opening: Books;
let chain: ChainWatch;

beforeAll(async () => {
  net = await TestNet.start({ overrides: { journal: { anchorSeconds: 5 } } });
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
  expect(net.deaths).toEqual([]);
  await net.stop();
});

/** Orders and waits for the question; gives its code and the pair. */
async function ask(from: string, to: string, text: string, question: RegExp): Promise<{ code: string; pair: string }> {
  const since = net.received.length;
  expect(await net.send(from, to, text)).toBe('intercepted');
  const { message, match } = await net.arrived(to, question, since);
  return { code: match[1] ?? '', pair: message.pair ?? '' };
}

describe('a payment between two operators', () => {
  it('moves nothing until it is accepted, then both legs, and tells both users', async () => {
    const since = net.received.length;
    const { pair } = await ask(
      'anna',
      'elin',
      'PAY 120 lunch',
      /^Anna Berg vill betala dig 120,00 SEK.*JA (\w+).*"lunch"$/,
    );
    await net.arrived('anna', /^Waiting for Elin Falk to accept 120\.00 SEK from you\..*"lunch"$/, since);
    expect((await net.balances('anna'))['SEK']?.held).toBe('12000');
    expect((await net.balances('elin'))['SEK']).toEqual({ balance: '200000', held: '0' });

    expect(await net.send('elin', 'service', 'JA')).toBe('intercepted');
    await net.arrived('anna', /^You paid Elin Falk 120\.00 SEK\. Ref \w+\. "lunch"$/, since);
    await net.arrived('elin', /^Anna Berg betalade dig 120,00 SEK\./, since);
    expect((await net.balances('anna'))['SEK']).toEqual({ balance: '488000', held: '0' });
    expect((await net.balances('elin'))['SEK']).toEqual({ balance: '212000', held: '0' });
    const legs = (await net.node('anna').pair({ id: pair })).legs;
    expect(legs.map(({ leg, role, state }) => ({ leg, role, state }))).toEqual([
      { leg: 'first', role: 'initiator', state: 'committed' },
    ]);
  });

  it('is refused to the payer by a NO, and gives the hold back', async () => {
    const since = net.received.length;
    const before = await net.balances('anna');
    const { code } = await ask('anna', 'elin', 'PAY 33 taxi', /33,00 SEK.*JA (\w+)/);
    expect(await net.send('elin', 'service', `NEJ ${code}`)).toBe('intercepted');
    await net.arrived('anna', /^Elin Falk did not take 33\.00 SEK\./, since);
    await until(async () => ((await net.balances('anna'))['SEK']?.held === '0' ? true : undefined), {
      timeoutMillis: 10_000,
      failure: () => 'the hold stays',
    });
    expect(await net.balances('anna')).toEqual(before);
  });
});

describe('a request', () => {
  it('looks the same to the one who asks when the payer has too little, and takes no money then', async () => {
    const since = net.received.length;
    const { code } = await ask('anna', 'ida', 'REQUEST 5000 rent', /begär 5000,00 SEK.*JA (\w+)/);
    await net.arrived('anna', /^You asked Ida Juhl for 5000\.00 SEK\. Waiting/, since);
    await net.send('ida', 'service', `JA ${code}`);
    await net.arrived('ida', /inte nog med pengar/, since);
    await net.arrived('anna', /^Ida Juhl did not pay 5000\.00 SEK\./, since);
    expect((await net.balances('ida'))['SEK']).toEqual({ balance: '30000', held: '0' });
  });
});

describe('a purchase from a machine', () => {
  it('gives the code of the item with the confirmation and not before', async () => {
    const since = net.received.length;
    expect(await net.send('anna', 'platform', 'BUY 11')).toBe('intercepted');
    const { match } = await net.arrived('anna', /Your code: (W-\d+)\./, since);
    const earlier = net.received.slice(
      since,
      net.received.findIndex(({ text }) => text === match.input),
    );
    expect(earlier.filter(({ text }) => text.includes(match[1] ?? ''))).toEqual([]);
  });
});

describe('evidence', () => {
  it('passes with the chain alone, and fails with a byte changed', async () => {
    const { pair } = await ask('anna', 'elin', 'PAY 7 tea', /7,00 SEK.*JA (\w+)/);
    const since = net.received.length;
    await net.send('elin', 'service', 'JA');
    await net.arrived('anna', /^You paid Elin Falk 7\.00 SEK/, since);
    for (const name of ['anna', 'elin']) {
      const bundle = await net.node(name).pairEvidence({ id: pair });
      const file = join(net.dir, `bundle-${name}.json`);
      const check = async (text: string): Promise<{ code: number; said: string }> => {
        writeFileSync(file, text);
        let said = '';
        const sink = { write: (piece: string) => (said += piece) };
        const args = [file, '--network', net.devnet.layout.networkFile, '--rpc', net.file.rpcUrl];
        return { code: await verify(args, { stdout: sink, stderr: sink }), said };
      };
      const passed = await check(bundle);
      expect(passed.said).toContain('PASS');
      expect(passed.code).toBe(0);
      // Digits somewhere in the middle: whatever they belong to, they are not what both operators signed.
      const at = bundle.slice(Math.floor(bundle.length / 2)).search(/\d/) + Math.floor(bundle.length / 2);
      const changed = `${bundle.slice(0, at)}${bundle[at] === '1' ? '2' : '1'}${bundle.slice(at + 1)}`;
      const failed = await check(changed);
      expect(failed.said).toContain('FAIL');
      expect(failed.code).toBe(1);
    }
  });
});

describe('the journal of a pair', () => {
  it('leads to a head on the chain: what was ordered, asked as sent, and answered; and not with a word changed', async () => {
    const { pair } = await ask('anna', 'elin', 'PAY 8 cake', /8,00 SEK.*JA (\w+)/);
    const since = net.received.length;
    await net.send('elin', 'service', 'JA');
    await net.arrived('anna', /^You paid Elin Falk 8\.00 SEK/, since);
    for (const [name, kinds, word] of [
      ['anna', ['order', 'confirmation'], 'PAY 8 cake'],
      ['elin', ['question', 'answer', 'confirmation'], 'vill betala dig 8,00 SEK'],
    ] as const) {
      const asked = { policy: 'dispute', recipient: 'ombudsman', reason: 'case 4' };
      const excerpt = await until(
        async () => {
          try {
            return await net.node(name).pairJournal({ id: pair, ...asked });
          } catch (error) {
            if (error instanceof ApiError && error.code === 'not-ready') return undefined;
            throw error;
          }
        },
        { timeoutMillis: 30_000, failure: () => `the journal of ${name}'s operator is not anchored` },
      );
      const file = join(net.dir, `journal-${name}.json`);
      const check = async (text: string): Promise<{ code: number; said: string }> => {
        writeFileSync(file, text);
        let said = '';
        const sink = { write: (piece: string) => (said += piece) };
        const args = [file, '--network', net.devnet.layout.networkFile, '--rpc', net.file.rpcUrl];
        return { code: await verify(args, { stdout: sink, stderr: sink }), said };
      };
      const passed = await check(excerpt);
      expect(passed.said).toMatch(/^PASS: \d entries of pair /m);
      expect(passed.code).toBe(0);
      for (const kind of kinds) expect(passed.said).toContain(` ${kind} `);
      expect(excerpt).toContain(word);
      const failed = await check(excerpt.replace(word, word.replace('8', '9')));
      expect(failed.said).toContain('FAIL: path');
      expect(failed.code).toBe(1);
      await expect(net.node(name).pairJournal({ id: pair, ...asked, policy: 'shared' })).rejects.toMatchObject({
        status: 422,
      });
    }
  });
});

describe('after all of this', () => {
  it('no hold is left, sums are constant, positions mirror, every pair has one outcome, every batch is reconciled', async () => {
    await net.readPhones();
    const pairs = new Set(net.received.flatMap(({ pair }) => pair ?? []));
    await until(
      async () => {
        await chain.read();
        return [...chain.batches.values()].every(({ reconciled }) => reconciled) ? true : undefined;
      },
      {
        timeoutMillis: 20_000,
        failure: () => `batches are not reconciled: ${JSON.stringify([...chain.batches.values()])}`,
      },
    );
    const books = await readBooks(net.file, net.devnet.clients);
    const { findings } = await pairOutcomes(net.file, net.devnet.clients, pairs);
    const all = [noHolds(books), sumsConstant(opening, books, net.file), mirror(books), ...findings];
    expect(all.filter(({ ok }) => !ok)).toEqual([]);
    expect(pairs.size).toBe(6);
  });
});
