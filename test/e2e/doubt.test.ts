/** A signed in-doubt list, checked by somebody who has a network file and an endpoint: what is so, and what is claimed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Contract, JsonRpcProvider, Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operatorRegistryAbi } from '../../operator-node/chain/abi.ts';
import { main } from '../../operator-node/cli/main.ts';
import { batchIdOf, signDigest } from '../../operator-node/commitment/typed-data.ts';
import type { Doubt, SignedDoubt } from '../../operator-node/audit/doubt-list.ts';
import { exportDoubt } from '../../operator-node/recovery/doubt.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

/** What of a list is changed below. */
interface Claim {
  operator: number;
  chainId: string;
  settlement: string;
  block: { number: number; hash: string };
  batches: [
    {
      role: string;
      peer: number;
      batch: { count: number; acceptor: number };
      onChain: { commitWords: string[] };
      acceptorSignature?: string;
    },
  ];
  pairs: [{ chain: string; index: number; batchId: string }];
}

interface Checked {
  readonly code: number;
  readonly findings: readonly {
    readonly what: string;
    readonly id: string;
    readonly ok: boolean;
    readonly says: string;
  }[];
  readonly now: readonly { readonly pair: string; readonly now: string }[];
}

let net: TestNet;
let list: Doubt;
let code: string;
const secretOf = (handle: string, file: string, name: string): string =>
  (JSON.parse(readFileSync(join(net.dir, handle, file), 'utf8')) as Record<string, string>)[name] ?? '';

async function tandem(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const to = (stream: 'stdout' | 'stderr') => ({ write: (text: string) => ((written[stream] += text), true) });
  return { code: await main(args, { stdout: to('stdout'), stderr: to('stderr') }), ...written };
}

async function check(file: string): Promise<Checked> {
  const network = join(net.dir, 'network.json');
  const { code, stdout, stderr } = await tandem(
    'doubt',
    '--check',
    file,
    '--network',
    network,
    '--rpc',
    net.file.rpcUrl,
    '--json',
  );
  if (stdout === '') throw new Error(stderr);
  return { code, ...(JSON.parse(stdout) as Omit<Checked, 'code'>) };
}

/** The list with something else in it, signed as that operator would. */
async function claimed(
  change: (list: Doubt) => unknown,
  key = secretOf('aurora', 'keys.json', 'signer'),
): Promise<Checked> {
  const file = join(net.dir, 'claimed.json');
  const copy = structuredClone(list);
  change(copy);
  writeFileSync(
    file,
    exportDoubt(copy, (digest) => signDigest(key, digest)),
  );
  return check(file);
}

const wrong = ({ findings }: Checked): string[] =>
  findings.filter(({ ok }) => !ok).map(({ what, says }) => `${what}: ${says}`);

beforeAll(async () => {
  net = await TestNet.start();
  await net.send('anna', 'elin', 'PAY 12 coffee');
  const { match } = await net.arrived('elin', /12,00 SEK.*JA (\d+)/);
  code = match[1] ?? '';
  const file = join(net.dir, 'doubt.json');
  // The list is as of one final block: once that has the batch, the pair is undecided there.
  list = await until(
    async () => {
      const exported = await tandem('doubt', '--operator', 'aurora', '--devnet', net.dir, '--export', file);
      expect(exported.code).toBe(0);
      const { doubt } = JSON.parse(readFileSync(file, 'utf8')) as SignedDoubt;
      return doubt.pairs[0]?.chain === 'undecided' ? doubt : undefined;
    },
    { timeoutMillis: 30_000, everyMillis: 300, failure: () => 'the batch is not in a final block' },
  );
});
afterAll(async () => {
  await net.stop();
});

describe('tandem doubt --check', () => {
  const file = (): string => join(net.dir, 'doubt.json');

  it('finds nothing against a list that is so, and says what the chain has of each pair', async () => {
    const checked = await check(file());
    expect(wrong(checked)).toEqual([]);
    expect(checked.code).toBe(0);
    expect(checked.findings.map(({ what }) => what)).toEqual(['network', 'signer', 'block', 'batch', 'pair']);
    expect(checked.now).toEqual([{ pair: list.pairs[0]?.pair, now: 'undecided' }]);
    const text = await tandem(
      'doubt',
      '--check',
      file(),
      '--network',
      join(net.dir, 'network.json'),
      '--rpc',
      net.file.rpcUrl,
    );
    expect(text.stdout).toContain('The chain agrees with the list.');
  });

  it('without a chain says who has signed, and that nothing is compared', async () => {
    const { code, stdout } = await tandem('doubt', '--check', file());
    expect(code).toBe(0);
    expect(stdout).toContain(
      `Signed by ${new Wallet(secretOf('aurora', 'keys.json', 'signer')).address.toLowerCase()}.`,
    );
    expect(stdout).toContain('Not compared with contract');
  });

  it.each<[what: string, change: (list: Claim) => unknown, says: RegExp]>([
    ['another operator’s list', (it) => (it.operator = 2), /signer: .* is and was no signer of operator 2/],
    ['an operator that there is not', (it) => (it.operator = 99), /signer: the registry knows no operator 99/],
    ['another chain', (it) => (it.chainId = '1'), /network: the list’s chain id is 1/],
    ['another contract', (it) => (it.settlement = `0x${'5'.repeat(40)}`), /network: the list’s contract is 0x5555/],
    ['a block that there is not', (it) => (it.block.hash = `0x${'b'.repeat(64)}`), /block: the list names block \d+/],
    ['a block of tomorrow', (it) => (it.block.number += 100_000), /block: .*none that is final/],
    ['another count', (it) => (it.batches[0].batch.count = 2), /batch: its fields make 0x/],
    [
      'a peer that there is not',
      (it) => (it.batches[0].batch.acceptor = it.batches[0].peer = 77),
      /the registry knows no operator 77/,
    ],
    ['the roles turned', (it) => (it.batches[0].role = 'acceptor'), /batch: it is of operator 1 to 2/],
    [
      'decisions that there are not',
      (it) => (it.batches[0].onChain.commitWords = [`0x${'0'.repeat(63)}1`]),
      /batch: the list has decisions/,
    ],
    [
      'a pair as committed',
      (it) => (it.pairs[0].chain = 'committed'),
      /pair: the list has it as committed; at its own block the chain had it as undecided/,
    ],
    ['a pair as aborted', (it) => (it.pairs[0].chain = 'aborted'), /pair: the list has it as aborted/],
    [
      'a pair as not anchored',
      (it) => (it.pairs[0].chain = 'not-anchored'),
      /pair: the list has it as not-anchored; at its own block/,
    ],
    ['a signature that it has not', (it) => delete it.batches[0].acceptorSignature, /pair: what it says is signed/],
    ['a place that the batch has not', (it) => (it.pairs[0].index = 9), /pair: its batch has 1 pairs, not 10/],
    ['no such batch', (it) => (it.pairs[0].batchId = `0x${'c'.repeat(64)}`), /pair: its batch, 0xccc/],
  ])('finds %s', async (_what, change, says) => {
    const checked = await claimed(change as unknown as (list: Doubt) => unknown);
    expect(checked.code).toBe(1);
    expect(wrong(checked).join('\n')).toMatch(says);
  });

  it('finds a batch that is not on the chain although the list has it there, by keys that sign nothing', async () => {
    const domain = { chainId: BigInt(list.chainId), contract: list.settlement };
    const checked = await claimed((it) => {
      const batch = { ...it.batches[0]?.batch, sequence: 99 } as Doubt['batches'][number]['batch'];
      const batchId = batchIdOf(domain, batch);
      Object.assign(it.batches[0] ?? {}, { batch, batchId });
      Object.assign(it.pairs[0] ?? {}, { batchId });
    });
    expect(wrong(checked)).toEqual([
      expect.stringMatching(
        /^batch: the initiator’s signature, by 0x[0-9a-f]{40}, is by no key that counts for operator 1 now; the acceptor’s signature, .* for operator 2 now; the list has it on the chain, and it is not/,
      ),
      'pair: the list has it as undecided; at its own block the chain had it as not-anchored',
    ]);
  });

  it('finds a list that nobody of that operator has signed', async () => {
    expect(wrong(await claimed(() => {}, `0x${'42'.repeat(32)}`))).toEqual([
      expect.stringMatching(/^signer: 0x[0-9a-f]{40} is and was no signer of operator 1/),
    ]);
    const changed = join(net.dir, 'changed.json');
    writeFileSync(changed, readFileSync(file(), 'utf8').replace('"halted":false', '"halted":true'));
    const checked = await check(changed);
    expect(checked.code).toBe(1);
    expect(wrong(checked).join()).toMatch(/^signer: /);
  });

  it.each([
    ['nothing', ''],
    ['another file', '{"a":1}'],
    ['a name twice', '{"doubt":{},"doubt":{},"signature":"0x"}'],
    ['a list of another form', '{"doubt":{"format":"tandem/doubt/1","operator":"1"},"signature":"0x"}'],
  ])('refuses %s, and says where', async (_what, text) => {
    const bad = join(net.dir, 'bad.json');
    writeFileSync(bad, text);
    const { code, stderr } = await tandem('doubt', '--check', bad);
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.json is not a signed in-doubt list: /);
  });

  it('takes what has been decided since for no fault, nor a key that has been rotated since', async () => {
    await net.send('elin', 'service', `JA ${code}`);
    await net.arrived('anna', /You paid Elin Falk 12\.00 SEK/);
    const decided = await until(
      async () => {
        const checked = await check(file());
        return checked.now[0]?.now === 'committed' ? checked : undefined;
      },
      { timeoutMillis: 20_000, everyMillis: 500, failure: () => 'the pair is not committed' },
    );
    expect(wrong(decided)).toEqual([]);
    expect(decided.findings.at(-1)?.says).toBe('committed by now; undecided when the list was made');

    const provider = new JsonRpcProvider(net.file.rpcUrl, undefined, { staticNetwork: true, pollingInterval: 250 });
    const controller = new Wallet(secretOf('aurora', 'controller.json', 'controller'), provider);
    const registry = new Contract(net.file.contracts.OperatorRegistry, operatorRegistryAbi, controller);
    await provider.send('anvil_setBalance', [controller.address, '0xde0b6b3a7640000']);
    const sent = (await registry.getFunction('rotateSigner')(1, Wallet.createRandom().address, 0)) as {
      wait(): Promise<unknown>;
    };
    await sent.wait();
    provider.destroy();
    // In the block of the rotation itself the key of before has counted too.
    const rotated = await until(
      async () => {
        const checked = await check(file());
        return checked.findings[1]?.says.endsWith('rotated since') === true ? checked : undefined;
      },
      { timeoutMillis: 20_000, everyMillis: 500, failure: () => 'the rotation is not seen' },
    );
    expect(wrong(rotated)).toEqual([]);
    expect(rotated.findings[1]?.says).toMatch(/was operator 1’s signer then and has been rotated since$/);
  });
});
