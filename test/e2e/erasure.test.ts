/** What erasure says it does, on a devnet of real processes: nobody in the clear on any disk, one key for every copy, sums that hold. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../operator-node/cli/main.ts';
import { loadConfig } from '../../operator-node/config.ts';
import { disclosureDigest, parseDisclosure } from '../../operator-node/commitment/disclosure.ts';
import { operationCommitmentOf } from '../../operator-node/commitment/record.ts';
import { operationFields } from '../../operator-node/commitment/schema.ts';
import { systemRandom } from '../../operator-node/engine/clock.ts';
import { verifyJournal } from '../../operator-node/engine/journal.ts';
import { entriesOf, personalFields } from '../../operator-node/erasure/records.ts';
import { erasureTable } from '../../operator-node/erasure/state.ts';
import { sideTable, userSideTable } from '../../operator-node/flow/pair.ts';
import { codecOf, loadKeys } from '../../operator-node/keys.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import { openLevelStore } from '../../operator-node/store/level.ts';
import { userKeyTable } from '../../operator-node/store/personal.ts';
import { userTable } from '../../operator-node/users/user.ts';
import { ChainWatch } from '../../scripts/devnet/chain-watch.ts';
import { rpc } from '../../scripts/devnet/rpc.ts';
import { devnetUsers } from '../../scripts/devnet/users.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { TestNet } from './devnet.ts';

const operators = ['aurora', 'borealis'] as const;
const notes = ['herring at Gamla Stan', 'share of the taxi', 'rent for november'];
const reason = 'counter slip of Anna Berg';

let net: TestNet;
let anna: string;
let annasKeys: string;
const before = { backup: '', keys: '' };
const pairs: string[] = [];

async function tandem(...args: readonly string[]) {
  const written = { out: '', errors: '' };
  const code = await main(args, {
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.errors += text) },
  });
  return { code, ...written };
}

const staff = (operator: string, command: string, ...args: readonly string[]) =>
  tandem(command, '--operator', operator, '--devnet', net.dir, ...args);

const configFile = (operator: string): string => join(net.dir, operator, 'config.yaml');

async function stored(operator: string, dataDir?: string) {
  const config = loadConfig(configFile(operator));
  return openLevelStore(dataDir ?? config.dataDir, { codec: codecOf(loadKeys(config.chain.keysFile), systemRandom) });
}

/** All bytes under a folder, and of its LevelDB stores every key and value as it was before compression. */
async function everything(dir: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const pathOf = (file: { parentPath: string; name: string }): string => join(file.parentPath, file.name);
  // Before any of them is opened, which changes them.
  for (const file of files) found.set(pathOf(file), readFileSync(pathOf(file), 'latin1'));
  for (const file of files.filter(({ name }) => name === 'CURRENT')) {
    const path = pathOf(file);
    const db = new ClassicLevel<string, string>(file.parentPath, { createIfMissing: false });
    await db.open();
    for await (const [key, value] of db.iterator())
      found.set(`${path} ${key}`, Buffer.from(`${key} ${value}`).toString('latin1'));
    await db.close();
  }
  return found;
}

/** Compression breaks a text up where it has four characters in common with what is before it. */
const piecesOf = (key: string): string[] => Array.from({ length: key.length - 9 }, (_, at) => key.slice(at, at + 10));

async function settled(): Promise<number> {
  const chain = new ChainWatch({
    rpcUrl: net.file.rpcUrl,
    contract: net.file.contracts.PairSettlement,
    fromBlock: 0,
    handleOf: String,
    say: () => {},
  });
  await until(
    async () => {
      await chain.read();
      const all = [...chain.batches.values()];
      return all.length > 0 && all.every(({ reconciled }) => reconciled) ? true : undefined;
    },
    { timeoutMillis: 30_000, failure: () => 'batches are not reconciled' },
  );
  return Number(await rpc<string>(net.file.rpcUrl, 'eth_blockNumber'));
}

async function pay(from: string, to: string, text: string, question: RegExp): Promise<void> {
  const since = net.received.length;
  await net.send(from, to, text);
  const { message, match } = await net.arrived(to, question, since);
  await net.send(to, 'service', `JA ${match[1] ?? ''}`);
  pairs.push(message.pair ?? '');
  await net.arrived(from, /^(?:You paid|.* paid you)/, since);
}

beforeAll(async () => {
  net = await TestNet.start({
    overrides: { backup: { dir: 'backups', keysDir: 'key-backups', followDir: 'followed' } },
  });
  await net.node('anna').deposit({
    id: 'slip-1',
    number: net.user('anna').number,
    asset: 'SEK',
    amount: '5000',
    reason,
  });
  await pay('anna', 'elin', `PAY 120 ${notes[0]}`, /120,00 SEK.*JA (\w+)/);
  await pay('anna', 'elin', `PAY 33 ${notes[1]}`, /33,00 SEK.*JA (\w+)/);
  await pay('anna', 'ida', `REQUEST 20 ${notes[2]}`, /20,00 SEK.*JA (\w+)/);
  const since = net.received.length;
  await net.send('anna', 'platform', 'BUY 11');
  pairs.push((await net.arrived('anna', /Your code: (W-\d+)\./, since)).message.pair ?? '');
  const toBlock = await settled();
  await until(async () => ((await staff('aurora', 'doubt', '--json')).out.includes('"pairs":[]') ? true : undefined), {
    timeoutMillis: 20_000,
    failure: () => `pairs are open at block ${toBlock}`,
  });
  anna = (await net.node('anna').users()).users.find(({ number }) => number === net.user('anna').number)?.id ?? '';
});
afterAll(async () => {
  expect(net.deaths).toEqual([]);
  await net.stop();
});

describe('tandem erase', () => {
  it('makes its backups apart: what is between operators, and the keys of users', async () => {
    const made = await staff('aurora', 'backup', '--json');
    const keys = await staff('aurora', 'backup', '--keys', '--json');
    const saved = join(net.dir, 'saved');
    mkdirSync(saved);
    for (const [name, { out }] of [
      ['backup', made],
      ['keys', keys],
    ] as const) {
      before[name] = join(saved, name);
      copyFileSync((JSON.parse(out) as { file: string }).file, before[name]);
    }
    expect(readFileSync(before.backup, 'utf8')).not.toContain('user-key!');
    const line = readFileSync(before.keys, 'utf8')
      .split('\n')
      .find((text) => text.includes(`user-key!${anna}`));
    annasKeys = /"ledger":"0x([0-9a-f]{64})"/.exec(line ?? '')?.[1] ?? 'none';
    expect(annasKeys).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses a user with a balance, and says what to do', async () => {
    const refused = await staff('aurora', 'erase', '--user', anna);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.errors).toMatch(/has a balance of \d+ minor units: settle it first/);
    expect((await staff('aurora', 'erase', '--user', 'u_000000000000000000000000')).errors).toContain('not-found');
  });

  it('erases one whose accounts are empty, and answers the same again', async () => {
    for (const [asset, { balance }] of Object.entries(await net.balances('anna'))) {
      if (balance === '0') continue;
      const movement = { id: `out-${asset}`, number: net.user('anna').number, asset, amount: balance, reason };
      await net.node('anna').withdraw(movement);
    }
    const done = await staff('aurora', 'erase', '--user', net.user('anna').number, '--json');
    expect(done.errors).toBe('');
    expect(JSON.parse(done.out)).toMatchObject({ user: anna, what: 'all', phase: 'purged', records: 4, told: [2] });
    const again = await staff('aurora', 'erase', '--user', anna, '--json');
    expect(JSON.parse(again.out)).toEqual(JSON.parse(done.out));
    expect((await staff('aurora', 'erase', '--list')).out).toContain(anna);
    await expect(net.send('anna', 'elin', 'PAY 10')).rejects.toMatchObject({ code: 'unknown-sender' });
    // The user's key went from the key backups that the node keeps, too.
    const kept = readdirSync(join(net.dir, 'aurora', 'key-backups'));
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(net.dir, 'aurora', 'key-backups', kept[0] ?? ''), 'utf8')).not.toContain(annasKeys);
  });

  it('leaves every count, sum and proof of the audit as it was', async () => {
    const toBlock = String(await settled());
    const against = ['--network', net.devnet.layout.networkFile, '--rpc', net.file.rpcUrl];
    const file = (operator: string): string => join(net.dir, `${operator}.ndjson`);
    for (const operator of operators) {
      const range = ['--from', '0', '--to', toBlock, '--out', file(operator), '--policy', 'full'];
      const disclose = () => staff(operator, 'disclose', ...range, '--recipient', 'Supervisor', '--reason', 'audit 17');
      // A node looks at the chain a few times a second: it may not have applied the newest block yet.
      const told = await until(
        async () => {
          const said = await disclose();
          return said.errors.includes('(not-ready)') ? undefined : said;
        },
        { timeoutMillis: 30_000, failure: () => `${operator} does not apply block ${toBlock}` },
      );
      expect(told.errors).toBe('');
    }
    const scanned = await tandem('audit', 'scan', ...operators.map(file), ...against, '--json');
    const result = JSON.parse(scanned.out) as { findings: unknown[]; totals: object };
    expect(result.findings).toEqual([]);
    expect(result.totals).toMatchObject({ pairs: 4, committed: 4, aborted: 0, open: 0 });
    const bundles = join(net.dir, 'bundles');
    mkdirSync(bundles);
    for (const pair of pairs) {
      for (const policy of ['regulator-minimum', 'full']) {
        const path = `/v1/pairs/${pair}/evidence?policy=${policy}&recipient=Supervisor&reason=audit`;
        const { status, body } = await net.devnet.operator('aurora').raw('GET', path, 'admin');
        expect({ pair, status, body: status === 200 ? '' : body }).toEqual({ pair, status: 200, body: '' });
        writeFileSync(join(bundles, `${pair}-${policy}.json`), body);
      }
    }
    const verified = await tandem('audit', 'verify', bundles, ...against, '--json');
    expect(JSON.parse(verified.out)).toMatchObject({ failed: 0, unpinned: 0, findings: [] });
    expect(readFileSync(file('aurora'), 'utf8')).not.toContain(
      Buffer.from(net.user('anna').number).toString('base64url').slice(0, 10),
    );
  });

  it('is told to the counterparty, which forgets the number, the name and the sealed copies', async () => {
    await until(
      async () => {
        const log = readFileSync(net.devnet.layout.operators[1].logFile, 'utf8');
        return log.includes('"type":"forgotten","peer":1,"pairs":4') ? Promise.resolve(true) : undefined;
      },
      { timeoutMillis: 20_000, failure: () => 'the notice is not acknowledged' },
    );
    await net.stopOnly();
    await using store = await stored('borealis');
    const others: string[] = [];
    for await (const [, side] of store.scan(sideTable)) {
      others.push(`${side.otherNumber}${side.otherName}`);
      expect(side.userName).not.toBe('');
    }
    expect(others).toEqual(['', '', '', '']);
    for await (const [key] of store.scan({ name: 'sealed' })) throw new Error(`${key} is still there`);
  });

  it('leaves nobody in the clear on any disk, and the erased key nowhere', async () => {
    const values = new Set<string>([...notes, reason]);
    for (const { number, name } of net.file.users)
      for (const value of [number, number.slice(1), name]) values.add(value);
    for (const { user } of devnetUsers) {
      for (const { label, codes } of user.goods) for (const value of [label, ...codes]) values.add(value);
    }
    let searched = 0;
    for (const operator of operators) {
      for (const folder of ['data', 'data.erased', 'backups', 'followed', 'followed.keys']) {
        if (operator === 'borealis' && (folder === 'data.erased' || folder === 'backups')) continue;
        for (const [where, text] of await everything(join(net.dir, operator, folder))) {
          searched += 1;
          for (const value of values) {
            for (const form of [value, JSON.stringify(value).slice(1, -1)]) {
              const bytes = Buffer.from(form).toString('latin1');
              const found = text.indexOf(bytes);
              expect(found < 0 ? 'nothing' : `${where}: ${text.slice(Math.max(0, found - 200), found + 40)}`).toBe(
                'nothing',
              );
            }
          }
          if (operator === 'aurora')
            expect(piecesOf(annasKeys).some((piece) => text.includes(piece)) ? where : 'no key').toBe('no key');
        }
      }
    }
    expect(searched).toBeGreaterThan(200);
    // The search can find: the saved key backup has what is searched for.
    expect(readFileSync(before.keys, 'latin1')).toContain(annasKeys);
  });

  it('holds in a backup that was made before, restored with the keys of before', async () => {
    const restored = await staff('aurora', 'restore', '--from', before.backup, '--keys', before.keys, '--json');
    expect(restored.errors).toBe('');
    expect(JSON.parse(restored.out)).toMatchObject({ erased: 1 });
    await using store = await stored('aurora');
    expect(store.newest.get(userKeyTable, anna)).toBeUndefined();
    expect(store.newest.get(userTable, anna)).toBeUndefined();
    expect(store.newest.get(erasureTable, anna)).toMatchObject({ phase: 'purged' });
    let sides = 0;
    for await (const [key] of store.scan(userSideTable, { prefix: `${anna}!` })) {
      const side = store.newest.get(sideTable, key.slice(anna.length + 1));
      expect(side).toMatchObject({ userNumber: '', userName: '', otherNumber: '', otherName: '', note: '' });
      expect(side?.record).toMatchObject({ account: '', subject: '', counterparty: '', detail: '' });
      if (side === undefined) continue;
      const entries = entriesOf(store.newest, side);
      entries.forEach((entry, at) => {
        const field = operationFields[at] ?? 'pair';
        const opened = parseDisclosure(entry);
        expect(opened.ok).toBe(!personalFields.has(field));
        if (opened.ok) expect(opened.value).toMatchObject({ name: field, value: side.record?.[field] });
      });
      const digests = entries.map((entry) => (entry.startsWith('0x') ? (entry as Hash) : disclosureDigest(entry)));
      expect(operationCommitmentOf(digests)).toBe(side.ownCommitment);
      sides += 1;
    }
    expect(sides).toBe(4);
    expect(await verifyJournal(store)).not.toHaveProperty('fault');
    // Everybody else is back.
    let others = 0;
    for await (const [, user] of store.scan(userTable)) {
      expect(user.number).toMatch(/^\+\d+$/);
      others += 1;
    }
    expect(others).toBe(net.file.users.filter(({ operator }) => operator === 'aurora').length - 1);
  });
});
