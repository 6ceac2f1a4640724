import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Phones } from '../../operator-node/messaging/phones.ts';
import type { Msisdn } from '../../operator-node/model/ids.ts';
import { alice, bo, outbound } from './messaging.fixture.ts';

let folder: string;
const open: Phones[] = [];

async function phones(): Promise<Phones> {
  const made = await Phones.open(folder);
  open.push(made);
  return made;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-phones-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()));
  await rm(folder, { recursive: true });
});

const idsOf = async (made: Phones, number: Msisdn, cursor = '') =>
  (await made.messages(number, cursor)).messages.map(({ id }) => id).join();

describe('Phones.open', () => {
  it('refuses a folder that another has open', async () => {
    await phones();
    await expect(Phones.open(folder)).rejects.toMatchObject({
      code: 'store-failed',
      message: expect.stringMatching(folder) as string,
    });
  });
});

describe('Phones.deliver', () => {
  it('fails, retryable, once closed', async () => {
    const made = await phones();
    await made.close();
    await expect(made.deliver([outbound('a')])).rejects.toMatchObject({ code: 'gateway-unavailable', retryable: true });
  });

  it('takes nothing for no messages', async () => {
    const made = await phones();
    await made.deliver([]);
    expect(await made.messages(alice, '')).toEqual({ messages: [], cursor: '' });
  });

  it('keeps a message once, however often and with whatever text it comes', async () => {
    const made = await phones();
    await made.deliver([outbound('a'), outbound('a', { text: 'other' })]);
    await made.deliver([outbound('a'), outbound('b')]);
    await Promise.all([made.deliver([outbound('c')]), made.deliver([outbound('c')]), made.deliver([outbound('b')])]);
    const { messages } = await made.messages(alice, '');
    expect(messages).toEqual([outbound('a'), outbound('b'), outbound('c')]);
  });

  it('has kept what it has taken when it is opened again, and goes on after it', async () => {
    const before = await phones();
    await before.deliver([outbound('a'), outbound('b', { to: bo })]);
    const { cursor } = await before.messages(alice, '');
    await before.close();
    const after = await phones();
    await after.deliver([outbound('a'), outbound('b', { to: bo }), outbound('c')]);
    expect(await idsOf(after, alice)).toBe('a,c');
    expect(await idsOf(after, alice, cursor)).toBe('c');
    expect(await idsOf(after, bo)).toBe('b');
  });
});

describe('Phones.messages', () => {
  it.each(['x', '-1', '1.5', ' ', '1'.repeat(13)])('refuses the cursor "%s"', async (cursor) => {
    const made = await phones();
    await expect(made.messages(alice, cursor)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('gives a number’s own messages, not those of a number that begins alike', async () => {
    const made = await phones();
    const longer = `${alice}0` as Msisdn;
    const shorter = alice.slice(0, -1) as Msisdn;
    await made.deliver([outbound('a'), outbound('b', { to: longer }), outbound('c', { to: shorter }), outbound('d')]);
    expect(await idsOf(made, alice)).toBe('a,d');
    expect(await idsOf(made, longer)).toBe('b');
    expect(await idsOf(made, shorter)).toBe('c');
  });

  it('gives messages in the order of delivery, at most 500 a call, each once', async () => {
    const made = await phones();
    const ids = Array.from({ length: 1203 }, (_, index) => `m-${index}`);
    // Two numbers share the sequence, so that a number's cursors have gaps.
    await made.deliver(ids.map((id, index) => outbound(id, { to: index % 4 === 3 ? bo : alice })));
    const read: string[] = [];
    const pages: number[] = [];
    let cursor = '';
    for (;;) {
      const page = await made.messages(alice, cursor);
      if (page.messages.length === 0) {
        expect(page.cursor).toBe(cursor);
        break;
      }
      pages.push(page.messages.length);
      read.push(...page.messages.map(({ id }) => id));
      cursor = page.cursor;
    }
    expect(pages).toEqual([500, 403]);
    expect(read).toEqual(ids.filter((_, index) => index % 4 !== 3));
    await made.deliver([outbound('last')]);
    expect(await idsOf(made, alice, cursor)).toBe('last');
  });
});
