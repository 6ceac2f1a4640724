/** A devnet of more than two operators: every lane settles, and whoever joins one of them is known to the command line. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../operator-node/cli/main.ts';
import { recoverAddress } from 'ethers';
import type { Asset, Hash, Msisdn } from '../../operator-node/model/ids.ts';
import { Member } from '../../scripts/chaos/member.ts';
import { defaultFile, readDescription } from '../../scripts/devnet/description.ts';
import { showDevnet } from '../../scripts/devnet/show.ts';
import type { Screen } from '../../scripts/devnet/screen.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

const description = readDescription(defaultFile, 4);
let net: TestNet;

beforeAll(async () => {
  net = await TestNet.start({ description, users: description.users, endpointCount: 3 });
});

afterAll(async () => {
  await net.stop();
});

/** Keeps the checks; what else is shown is for people. */
function quietScreen(): { readonly screen: Screen; readonly checks: string[]; readonly problems: string[] } {
  const checks: string[] = [];
  const problems: string[] = [];
  const nothing = (): void => undefined;
  const screen: Screen = {
    step: nothing,
    scene: nothing,
    sent: nothing,
    received: nothing,
    chain: nothing,
    plain: nothing,
    check: (ok, text) => checks.push(`${ok ? 'ok' : 'FAIL'} ${text}`),
    problem: (text) => problems.push(text),
  };
  return { screen, checks, problems };
}

async function tandem(...args: readonly string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const sink = { write: (text: string) => (out += text) };
  const code = await main([...args, '--devnet', net.dir], { stdout: sink, stderr: sink });
  return { code, out };
}

describe('four operators', () => {
  it('settle between all of them, both ways, and every check holds', async () => {
    const { screen, checks, problems } = quietScreen();
    const ok = await showDevnet(net.devnet, { ...description, recording: undefined }, screen);
    expect(checks.filter((check) => check.startsWith('FAIL'))).toEqual([]);
    expect(problems).toEqual([]);
    expect(ok).toBe(true);
    expect(checks).toContain('ok 12 lanes between 4 operators have settled');
    expect(checks).toContain('ok 12 pairs have one outcome each, on their nodes and on chain');
    expect(checks).toContain('ok 4 members of the consortium with a vote each, 3 of which decide');
    expect(checks).toContain('ok positions mirror each other (12 entries)');
    expect(checks).toContain('ok 24 evidence bundles verify with the chain alone');
    expect(net.deaths).toEqual([]);
  });

  it('have what devnet.json had of two, and more of the same', () => {
    expect(net.file.operators.map(({ id, handle, serviceNumber }) => [id, handle, serviceNumber])).toEqual([
      [1, 'aurora', '+46701740605'],
      [2, 'borealis', '+46701740655'],
      [3, 'cumulus', '+46701740665'],
      [4, 'drift', '+46701740675'],
    ]);
    expect(net.file.users.map(({ number }) => number)).toEqual(description.users.map(({ user }) => user.number));
  });

  it('go on settling while one of their three endpoints of the chain is dead', async () => {
    expect(net.file.endpoints).toHaveLength(3);
    await net.devnet.behave(1, { kind: 'dead' });
    try {
      const since = net.received.length;
      expect(await net.send('anna', 'karin', 'PAY 3 without')).toBe('intercepted');
      const { match } = await net.arrived('karin', /JA (\d+).*"without"/, since);
      await net.send('karin', 'service', `JA ${match[1]}`);
      await net.arrived('anna', /^You paid Karin Lind 3\.00 SEK/, since);
      await net.arrived('karin', /^Anna Berg betalade dig 3,00 SEK/, since);
    } finally {
      await net.devnet.behave(1, { kind: 'honest' });
    }
  });

  describe('a member by its keys alone', () => {
    let drift: Member;
    beforeAll(() => {
      drift = Member.of(net.devnet.layout, 'drift');
    });
    afterAll(() => {
      drift.close();
    });

    it('is refused, before or in a block, what is another one’s to do, with the contract’s own error', async () => {
      const args = [1, 'https://127.0.0.1:1'];
      const refused = await drift.call('controller', ['OperatorRegistry', 'setEndpoint'], args);
      expect(refused).toMatchObject({
        outcome: 'refused',
        reason: expect.stringMatching(/^OperatorRegistry\w+\(1, /) as unknown,
      });
      const forced = await drift.call('controller', ['OperatorRegistry', 'setEndpoint'], args, { forced: true });
      expect(forced).toMatchObject({
        outcome: 'reverted',
        reason: refused.outcome === 'refused' ? refused.reason : '',
      });
      expect(() => Member.of(net.devnet.layout, 'nobody')).toThrow('no operator nobody');
    });

    it('sends with each of its keys, and signs as the registry knows it', async () => {
      const own = (await drift.ask(['OperatorRegistry', 'operator'], drift.id)) as Readonly<Record<string, string>>;
      expect([own['controller'], own['account']]).toEqual([drift.addressOf('controller'), drift.addressOf('account')]);
      const endpoint = await drift.call('controller', ['OperatorRegistry', 'setEndpoint'], [drift.id, own['endpoint']]);
      expect(endpoint).toMatchObject({ outcome: 'mined' });
      const plain = await drift.send('carrier', { to: drift.addressOf('controller'), value: 1n });
      expect(plain).toMatchObject({ outcome: 'mined', receipt: { from: drift.addressOf('carrier') } });
      const digest = `0x${'5a'.repeat(32)}` as Hash;
      expect(recoverAddress(digest, drift.sign('signer', digest))).toBe(drift.addressOf('signer'));
      expect(drift.tls.cert).toContain('BEGIN CERTIFICATE');
      expect(drift.tls.key).toContain('PRIVATE KEY');
    });
  });

  it('serve a user who came by the API, whom tandem knows by name', async () => {
    const maja = { number: '+46703123456' as Msisdn, name: 'Maja Stern', language: 'en', kind: 'person' } as const;
    await net.devnet
      .operator('cumulus')
      .createUser({ ...maja, assets: ['SEK' as Asset], joined: true, autoAccept: false, goods: [] });
    expect(await tandem('deposit', 'maja', '100', 'SEK')).toMatchObject({
      code: 0,
      out: 'Maja Stern has 100.00 SEK now.\n',
    });
    const sent = await tandem('send', 'maja', 'leo', 'PAY 40 inside');
    expect(sent.out).toBe('intercepted  Maja Stern → +46701740662: PAY 40 inside\n');
    expect((await tandem('send', 'nils', 'maja', 'PAY 5 across')).code).toBe(0);
    expect((await tandem('accounts', 'maja', 'leo')).out).toContain('+46703123456  Maja Stern  cumulus');
    await until(
      async () => (/Leo Moss to accept 40\.00 SEK/.test((await tandem('inbox', 'maja')).out) ? true : undefined),
      {
        timeoutMillis: 30_000,
        failure: () => 'nothing of it arrived on her phone',
      },
    );
    expect((await net.devnet.describe()).users.at(-1)).toMatchObject({ name: 'Maja Stern', operator: 'cumulus' });
  });
});
