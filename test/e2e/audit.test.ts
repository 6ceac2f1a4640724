/** A regulator's year in small: what the operators disclose of a devnet, the scan of it, and that nobody is named anywhere. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { id } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationFields } from '../../operator-node/commitment/schema.ts';
import { audit } from '../../operator-node/cli/audit.ts';
import { main } from '../../operator-node/cli/main.ts';
import { ChainWatch } from '../../scripts/devnet/chain-watch.ts';
import { rpc } from '../../scripts/devnet/rpc.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { fileRequests, requestDigest } from './audit-requests.ts';
import { TestNet } from './devnet.ts';

let net: TestNet;
let toBlock: number;
const pairs: string[] = [];
const notes = ['lunch at Gamla Stan', 'share of the taxi', 'rent for november', 'without the coffee'];
const operators = ['aurora', 'borealis'] as const;

async function cli(command: (args: readonly string[], out: never) => Promise<number>, args: readonly string[]) {
  const written = { out: '', errors: '' };
  const code = await command(args, {
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.errors += text) },
  } as never);
  return { code, ...written };
}

const fileOf = (operator: string, policy = 'regulator-minimum'): string =>
  join(net.dir, `${operator}-${policy}.ndjson`);

const disclosed = (operator: string, policy: string) =>
  cli(main, [
    ...['disclose', '--from', '0', '--to', String(toBlock), '--policy', policy, '--out', fileOf(operator, policy)],
    ...['--recipient', 'Supervisor', '--reason', 'audit 17', '--operator', operator, '--devnet', net.dir],
  ]);

/** The newest block, once both nodes have applied it: a file up to one that they have not is refused. */
async function newestApplied(): Promise<number> {
  const newest = Number(await rpc<string>(net.file.rpcUrl, 'eth_blockNumber'));
  await until(
    async () => {
      const lists = await Promise.all(['aurora', 'borealis'].map((handle) => net.devnet.operator(handle).doubt()));
      return lists.every(({ block }) => (block?.number ?? 0) >= newest) ? true : undefined;
    },
    { timeoutMillis: 30_000, failure: () => `block ${newest} is not applied` },
  );
  return newest;
}

const against = (): string[] => ['--network', net.devnet.layout.networkFile, '--rpc', net.file.rpcUrl];

beforeAll(async () => {
  net = await TestNet.start({ overrides: { journal: { anchorSeconds: 5 } } });
  const chain = new ChainWatch({
    rpcUrl: net.file.rpcUrl,
    contract: net.file.contracts.PairSettlement,
    fromBlock: 0,
    handleOf: String,
    say: () => {},
  });
  const settle = async (
    from: string,
    to: string,
    text: string,
    answer: 'JA' | 'NEJ',
    question: RegExp,
  ): Promise<void> => {
    const since = net.received.length;
    await net.send(from, to, text);
    const { message, match } = await net.arrived(to, question, since);
    await net.send(to, 'service', `${answer} ${match[1] ?? ''}`);
    pairs.push(message.pair ?? '');
    await net.arrived(from, /^(?:You paid|.* did not take|.* paid you)/, since);
  };
  await settle('anna', 'elin', `PAY 120 ${notes[0]}`, 'JA', /120,00 SEK.*JA (\w+)/);
  await settle('anna', 'elin', `PAY 33 ${notes[1]}`, 'NEJ', /33,00 SEK.*JA (\w+)/);
  await settle('anna', 'ida', `REQUEST 20 ${notes[2]}`, 'JA', /20,00 SEK.*JA (\w+)/);
  // Part of what Elin got goes back, by the ref of her receipt.
  const [, ref = ''] = (await net.arrived('elin', /120,00 SEK.*Ref (\w{4})\b/)).match;
  const refunding = net.received.length;
  await net.send('elin', 'service', `REFUND 15 ${ref} ${notes[3]}`);
  const { message: refund, match: code } = await net.arrived('anna', /refund you 15.*YES (\w+)/, refunding);
  await net.send('anna', 'service', `YES ${code[1] ?? ''}`);
  await net.arrived('elin', /^Du återbetalade .*15,00 SEK/, refunding);
  pairs.push(refund.pair ?? '');
  const since = net.received.length;
  await net.send('anna', 'platform', 'BUY 11');
  pairs.push((await net.arrived('anna', /Your code: (W-\d+)\./, since)).message.pair ?? '');
  await until(
    async () => {
      await chain.read();
      const all = [...chain.batches.values()];
      return all.length > 0 && all.every(({ reconciled }) => reconciled) ? true : undefined;
    },
    { timeoutMillis: 30_000, failure: () => 'batches are not reconciled' },
  );
  await fileRequests(net);
  toBlock = await newestApplied();
});
afterAll(async () => {
  expect(net.deaths).toEqual([]);
  await net.stop();
});

describe('tandem disclose', () => {
  it('refuses an unknown policy, and blocks that the node has not seen', async () => {
    const unknown = await disclosed('aurora', 'no-such-policy');
    expect(unknown).toMatchObject({ code: 1 });
    expect(unknown.errors).toContain('not-found');
    const args = ['disclose', '--from', '0', '--to', '99999999', '--out', join(net.dir, 'none'), '--devnet', net.dir];
    const early = await cli(main, [...args, '--recipient', 'x', '--reason', 'y', '--operator', 'aurora']);
    expect(early.errors).toContain('not-ready');
  });

  it('writes each operator’s file', async () => {
    for (const operator of operators) {
      // The node applies a block a moment after it is made.
      const done = await until(
        async () => {
          const attempt = await disclosed(operator, 'regulator-minimum');
          return attempt.errors.includes('not-ready') ? undefined : attempt;
        },
        { timeoutMillis: 10_000, failure: () => `${operator} does not see block ${toBlock}` },
      );
      expect(done).toMatchObject({ code: 0, errors: '' });
      expect(done.out).toMatch(/ 5 pairs\n$/);
      // Without --no-journal what the journal has of each pair comes with it, once it is anchored.
      expect([0, 3]).toContain((await disclosed(operator, 'full')).code);
    }
  });
});

describe('tandem audit', () => {
  it('finds nothing, and counts what was settled', async () => {
    const files = operators.map((operator) => fileOf(operator));
    const scanned = await cli(audit, ['scan', ...files, ...against(), '--json']);
    expect(scanned.errors).toBe('');
    const result = JSON.parse(scanned.out) as { findings: unknown[]; totals: object; positions: object[] };
    expect(result.findings).toEqual([]);
    expect(result.totals).toMatchObject({ pairs: 5, committed: 4, aborted: 1, open: 0 });
    expect(scanned.code).toBe(0);
    const { positions } = await net.node('anna').positions();
    const own = (result.positions as { operator: number; counterparty: number; posted: string }[]).find(
      ({ operator }) => operator === 1,
    );
    expect(own?.posted).toBe(positions.find(({ operator }) => operator === own?.counterparty)?.balance);
  });

  it('finds a posting that an operator leaves out', async () => {
    const file = join(net.dir, 'cheated.ndjson');
    const honest = readFileSync(fileOf('borealis'), 'utf8');
    const [posting = ''] = /"postings":\[\{[^\]]*\}\]/.exec(honest) ?? [];
    // Of the same length, so that nothing else is wrong: another amount.
    writeFileSync(
      file,
      honest.replace(
        posting,
        posting.replace(
          /"amount":"(-?)(\d)/,
          (_, sign: string, digit: string) => `"amount":"${sign}${(Number(digit) % 9) + 1}`,
        ),
      ),
    );
    const scanned = await cli(audit, ['scan', fileOf('aurora'), file, ...against()]);
    expect(scanned.code).toBe(1);
    expect(scanned.out).toContain('posting-differs');
    expect(scanned.out).toContain('attestation-mismatch');
  });

  it('verifies bundles of every policy', async () => {
    const folder = join(net.dir, 'bundles');
    mkdirSync(folder);
    for (const pair of pairs) {
      for (const [name, operator] of [
        ['anna', 'aurora'],
        ['elin', 'borealis'],
      ] as const) {
        for (const policy of ['regulator-minimum', 'dispute', 'shared', 'full']) {
          const path = `/v1/pairs/${pair}/evidence?policy=${policy}&recipient=Supervisor&reason=audit`;
          const { status, body } = await net.node(name).raw('GET', path, 'admin');
          if (status === 404) continue;
          expect({ status, policy }).toEqual({ status: 200, policy });
          writeFileSync(join(folder, `${pair}-${operator}-${policy}.json`), body);
        }
      }
    }
    const verified = await cli(audit, ['verify', folder, ...against(), '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({ failed: 0, unpinned: 0, findings: [] });
    expect(verified.code).toBe(0);
  });
});

/** What a peer can ask on the secure channel, with its own key. */
function propose(
  proposal: object,
): Promise<{ pair: string; answer: string; reason?: string; secondCommitment?: string }[]> {
  const { operators: places } = net.devnet.layout;
  const body = JSON.stringify({ proposals: [proposal] });
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...{ host: '127.0.0.1', port: places[0].channelPort, method: 'POST', path: '/tandem/v1/propose', agent: false },
        ...{
          key: readFileSync(join(places[1].dir, 'tls-key.pem')),
          cert: readFileSync(join(places[1].dir, 'tls-cert.pem')),
        },
        // The node's own certificate is no part of what is tried.
        rejectUnauthorized: false,
        headers: {
          ...{ 'tandem-version': '1', 'tandem-from': '2', 'tandem-to': '1' },
          ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve((JSON.parse(text) as { answers: never }).answers);
          else reject(new Error(`${answer.statusCode}: ${text}`));
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('a peer that offers one pairId twice', () => {
  const subject = Buffer.alloc(32, 5).toString('base64url');
  const proposalOf = (pair: string, amount: string, to = 'anna'): object => ({
    terms: {
      ...{ pair, service: 'pay', firstAsset: 'SEK', firstAmount: amount, secondAsset: 'SEK', secondAmount: amount },
      ...{ initiator: '2', acceptor: '1', reverses: '' },
      created: `${new Date().toISOString().slice(0, 19)}Z`,
      deadline: `${15 * (Math.ceil(Date.now() / 15_000) + 5)}`,
    },
    ...{ termsSecret: `0x${'31'.repeat(32)}`, firstSubject: subject, note: '', item: '', sealed: '' },
    ...{ from: net.user('elin').number, fromName: 'Elin', to: net.user(to).number },
  });

  it('gets no second record, and so no salt under which two values stand', async () => {
    const pair = '01a20000-0000-7000-8000-000000000001';
    const first = proposalOf(pair, '12000');
    const [held] = await propose(first);
    expect(held).toMatchObject({ pair, answer: 'held' });
    expect(await propose(first)).toMatchObject([{ answer: 'held', secondCommitment: held?.secondCommitment }]);
    const { terms } = first as { terms: object };
    for (const other of [
      { ...first, terms: { ...terms, firstAmount: '12001', secondAmount: '12001' } },
      { ...first, termsSecret: `0x${'32'.repeat(32)}` },
      { ...first, note: 'another' },
      { ...first, to: net.user('björn').number },
    ]) {
      expect(await propose(other)).toEqual([{ pair, answer: 'refused', reason: 'terms' }]);
    }
    // One that this operator began itself is offered back.
    expect(await propose(proposalOf(pairs[0] ?? '', '12000'))).toEqual([
      { pair: pairs[0], answer: 'refused', reason: 'terms' },
    ]);
  });
});

describe('tandem audit, from the nodes', () => {
  const tokenFile = (): string => net.devnet.layout.auditorTokenFile;
  const nodes = (token = tokenFile()): string[] =>
    net.file.operators.flatMap(({ apiUrl }) => ['--node', apiUrl, '--token-file', token]);
  const asked = ['--reason', 'audit 17', '--filed', '1=1', '--filed', '2=2'];

  it('refuses another token, and a policy outside of the scope', async () => {
    const other = join(net.dir, 'other.token');
    writeFileSync(other, 'not-the-token-of-anybody');
    const unknown = await cli(audit, ['scan', ...against(), ...nodes(other), ...asked]);
    // A node that gives nothing is a finding about that node, and the audit of the others comes to its end.
    expect(unknown.code).toBe(3);
    expect(unknown.out).toContain('(unauthorized)');
    const wide = await cli(audit, ['scan', ...against(), ...nodes(), ...asked, '--policy', 'full']);
    expect(wide.code).toBe(3);
    expect(wide.out).toContain('its policies are regulator-minimum, dispute, not full');
    expect((await cli(audit, ['scan', ...against(), ...nodes()])).errors).toContain('--node requires --reason');
  });

  it('refuses a request of another operator, and one that is not on chain', async () => {
    const scan = (...filed: string[]) =>
      cli(audit, [
        'scan',
        ...against(),
        ...nodes(),
        '--reason',
        'audit 17',
        ...filed.flatMap((each) => ['--filed', each]),
      ]);
    expect((await scan('17')).errors).toContain('OPERATOR=N');
    expect((await scan('3=1')).errors).toContain('the given nodes belong to operator 1, 2');
    const other = await scan('1=2');
    expect(other.code).toBe(3);
    expect(other.out).toContain('request 2 is to operator 2, not to 1. (forbidden)');
    expect((await scan('1=17')).out).toContain('the AuditLog has no request 17 at final block');
  });

  it('finds the same as in the files that were handed over', async () => {
    const state = join(net.dir, 'scan.json');
    const keep = join(net.dir, 'fetched');
    const scanned = await cli(audit, [
      ...['scan', ...against(), ...nodes(), ...asked, '--state', state, '--keep', keep, '--json'],
    ]);
    expect(scanned.errors).toBe('');
    const result = JSON.parse(scanned.out) as { totals: object; findings: unknown[]; to: number };
    expect(result).toMatchObject({ totals: { pairs: 5, committed: 4, aborted: 1 }, findings: [] });
    expect(scanned.code).toBe(0);
    expect(readdirSync(keep).sort()).toEqual([1, 2].map((id) => `operator-${id}-${firstBlock()}-${result.to}.ndjson`));
    const again = await cli(audit, ['scan', ...against(), ...nodes(), ...asked, '--state', state, '--json']);
    expect(JSON.parse(again.out)).toMatchObject({ totals: { batches: 0 }, findings: [] });
  });

  it('fetches one file, as staff would write it', async () => {
    const out = join(net.dir, 'fetched-aurora.ndjson');
    const [node = '', url = ''] = nodes();
    const range = ['--from', '0', '--to', String(toBlock)];
    const fetched = await cli(audit, [
      ...['fetch', node, url, '--token-file', tokenFile(), ...range],
      ...['--reason', 'audit 17', '--filed', '1=1', '--out', out],
    ]);
    expect(fetched).toMatchObject({ code: 0, errors: '' });
    expect(fetched.out).toMatch(/, 5 pairs\n$/);
    // What the node had applied when it wrote the sections is another block.
    const body = (file: string): string => readFileSync(file, 'utf8').replaceAll(/"asOf":\{[^}]*\}/g, '');
    expect(body(out)).toBe(body(fileOf('aurora')));
  });
});

describe('tandem request', () => {
  const request = (operator: string, ...args: string[]) =>
    cli(main, ['request', ...args, '--operator', operator, '--devnet', net.dir]);
  const fetched = (): string => join(net.dir, 'fetched-aurora.ndjson');

  it('shows staff what auditors ask of this operator, and what they have fetched for it', async () => {
    const listed = await request('aurora', 'list', '--json');
    expect(listed).toMatchObject({ code: 0, errors: '' });
    const { requests } = JSON.parse(listed.out) as { requests: { request: number; fetched: number }[] };
    expect(requests).toMatchObject([{ request: 1, auditor: 1, state: 'open', late: false, digest: requestDigest }]);
    // A scan, and a file.
    expect(requests[0]?.fetched).toBeGreaterThanOrEqual(2);
    expect((await request('borealis', 'list')).out).toMatch(/\b2 +1 +open\b/);
  });

  it('answers on chain, once, with a digest that the auditor can open', async () => {
    expect((await request('aurora', 'answer', '--request', '2', '--file', fetched())).errors).toContain('not-found');
    const handed = fileOf('aurora');
    const answer = () => request('aurora', 'answer', '--request', '1', '--file', handed, '--json');
    const ordered = JSON.parse((await answer()).out) as { ordered: string; state: string };
    expect(await answer()).toMatchObject({ code: 0, errors: '' });
    const other = await request('aurora', 'answer', '--request', '1', '--file', fetched());
    expect(other.errors).toContain('(conflict)');
    const listed = await until(
      async () => {
        const { out } = await request('aurora', 'list', '--json');
        const { requests } = JSON.parse(out) as { requests: { state: string; fetched: number }[] };
        return requests[0]?.state === 'answered' ? requests : undefined;
      },
      { timeoutMillis: 20_000, failure: () => 'the answer is in no final block' },
    );
    expect(listed).toMatchObject([{ state: 'answered', late: false, answer: ordered.ordered }]);
    // Of the other operator nothing is answered.
    expect((await request('borealis', 'list')).out).toMatch(/\b2 +1 +open\b/);

    const opening = join(net.dir, 'opening.json');
    expect((await request('aurora', 'opening', '--request', '1', '--out', opening)).code).toBe(0);
    const check = (file: string, ...files: string[]) => cli(audit, ['answer', file, ...files, ...against(), '--json']);
    const kept = readdirSync(join(net.dir, 'fetched')).find((name) => name.startsWith('operator-1-')) ?? '';
    const all = [handed, fetched(), join(net.dir, 'fetched', kept)];
    const checked = await check(opening, ...all);
    expect(checked.errors).toBe('');
    // Where a block had come meanwhile the second scan has fetched too, and kept nothing.
    const lost = (listed[0]?.fetched ?? 0) - 2;
    const unchecked = lost === 0 ? [] : [{ code: 'answer-unchecked', evidence: { files: 0, texts: lost } }];
    expect(JSON.parse(checked.out)).toMatchObject({ files: 1, texts: lost + 2, findings: unchecked });
    const foreign = await check(opening, ...all, fileOf('borealis'));
    expect(JSON.parse(foreign.out)).toMatchObject({
      findings: [{ code: 'answer-unchecked', evidence: { file: fileOf('borealis') } }, ...unchecked],
    });
    expect((await check(opening, handed)).code).toBe(3);
    const text = readFileSync(opening, 'utf8');
    const changed = join(net.dir, 'opening-changed.json');
    writeFileSync(
      changed,
      text.replace(/"bytes":(\d)/, (_, digit: string) => `"bytes":${(Number(digit) % 9) + 1}`),
    );
    const lied = await check(changed, ...all);
    expect(lied.code).toBe(1);
    expect(JSON.parse(lied.out)).toMatchObject({ counts: { 'answer-differs': 1 } });
    // Nothing more is handed over for it.
    const args = [
      'fetch',
      '--node',
      net.file.operators[0]?.apiUrl ?? '',
      '--token-file',
      net.devnet.layout.auditorTokenFile,
    ];
    const after = await cli(audit, [
      ...args,
      ...['--reason', 'audit 17', '--filed', '1=1', '--out', join(net.dir, 'after.ndjson')],
    ]);
    expect(after.errors).toContain('request 1 has been answered');
    toBlock = await newestApplied();
  });
});

const firstBlock = (): number =>
  (JSON.parse(readFileSync(net.devnet.layout.networkFile, 'utf8')) as { firstBlock: number }).firstBlock;

describe('a disclosure for a dispute', () => {
  /** What was said of the pairs a moment ago is anchored within seconds; the same command again gets it. */
  const untilAnchored = (run: () => ReturnType<typeof cli>) =>
    until(
      async () => {
        const done = await run();
        if (![0, 3].includes(done.code)) throw new Error(`${done.code}: ${done.out}${done.errors}`);
        return done.code === 0 ? done : undefined;
      },
      { timeoutMillis: 30_000, failure: () => 'the journal is not anchored' },
    );
  const shown = (folder: string): string =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n');

  it('by staff comes with order, question and answer of each pair, which lead to an anchored head', async () => {
    const done = await untilAnchored(() => disclosed('borealis', 'dispute'));
    expect(done.errors).toBe('');
    const folder = `${fileOf('borealis', 'dispute')}.journal`;
    expect(done.out).toContain(`${folder}: 5 journal excerpts\n`);
    expect(readdirSync(folder).sort()).toEqual(pairs.map((pair) => `${pair}.json`).sort());
    // The question as it was sent, and its answer.
    expect(shown(folder)).toMatch(/Anna Berg.{1,80}120,00 SEK/);
    expect(shown(folder)).toContain(notes[0]);
    const verified = await cli(audit, ['verify', folder, ...against(), '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({ passed: 5, failed: 0, unpinned: 0, findings: [] });
  });

  it('is fetched by an auditor in the same form', async () => {
    const out = join(net.dir, 'fetched-dispute.ndjson');
    const { apiUrl } = net.file.operators[0] ?? { apiUrl: '' };
    const fetch = (...args: string[]) =>
      cli(audit, [
        ...['fetch', '--node', apiUrl, '--token-file', net.devnet.layout.auditorTokenFile, '--policy', 'dispute'],
        ...['--reason', 'complaint 9', '--from', '0', '--to', String(toBlock), '--out', out, ...args],
      ]);
    const without = await fetch('--no-journal');
    expect(without).toMatchObject({ code: 0, errors: '' });
    expect(without.out).not.toContain('excerpt');
    const done = await untilAnchored(() => fetch('--json'));
    expect(JSON.parse(done.out)).toMatchObject({ pairs: 5, excerpts: { written: 5, waiting: [], refused: [] } });
    const verified = await cli(audit, ['verify', `${out}.journal`, ...against(), '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({ passed: 5, failed: 0, findings: [] });
    expect(shown(`${out}.journal`)).toContain('PAY 120');
  });
});

describe('tandem audit sd-jwt', () => {
  it('wraps a bundle so that it verifies, by the pin in the registry', async () => {
    const folder = join(net.dir, 'sd-jwts');
    mkdirSync(folder);
    for (const name of readdirSync(join(net.dir, 'bundles')).filter((each) => each.includes('regulator-minimum'))) {
      const bundle = join(net.dir, 'bundles', name);
      const { records } = JSON.parse(readFileSync(bundle, 'utf8')) as { records: { first?: unknown } };
      const leg = records.first === undefined ? 'second' : 'first';
      const operator = operators.find((each) => name.includes(each)) ?? '';
      const args = ['sd-jwt', bundle, '--key', join(net.dir, operator, 'tls-key.pem'), '--leg', leg];
      const { code, out, errors } = await cli(audit, args);
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      writeFileSync(join(folder, name.replace('.json', '.sdjwt')), out);
    }
    const verified = await cli(audit, ['verify', folder, ...against(), '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({ failed: 0, unpinned: 0, findings: [] });
    expect((JSON.parse(verified.out) as { passed: number }).passed).toBeGreaterThan(4);
  });

  it('is refused where another operator’s key has signed', async () => {
    const name = readdirSync(join(net.dir, 'bundles')).find((each) => each.includes('aurora-regulator-minimum')) ?? '';
    const file = join(net.dir, 'foreign.sdjwt');
    const bundle = join(net.dir, 'bundles', name);
    const { out } = await cli(audit, ['sd-jwt', bundle, '--key', join(net.dir, 'borealis', 'tls-key.pem')]);
    writeFileSync(file, out);
    const verified = await cli(audit, ['verify', file, ...against(), '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({ failed: 1, findings: [{ evidence: { check: 'pin' } }] });
  });
});

/** Disclosures opened, so that what they say is searched and not its base64. */
const opened = (text: string): string =>
  text.replaceAll(/(["~.]|^)([A-Za-z0-9_-]{43,})(?=["~.]|$)/g, (_, before: string, entry: string) => {
    const inside = Buffer.from(entry, 'base64url').toString();
    return `${before}${entry} ${inside}`;
  });

async function chainText(): Promise<string> {
  const parts: string[] = [];
  for (let number = 0; number <= toBlock; number += 1) {
    const at = `0x${number.toString(16)}`;
    parts.push(JSON.stringify(await rpc(net.file.rpcUrl, 'eth_getBlockByNumber', [at, true])));
    parts.push(JSON.stringify(await rpc(net.file.rpcUrl, 'eth_getLogs', [{ fromBlock: at, toBlock: at }])));
  }
  return parts.join('\n');
}

/** Every value of every user: numbers, names, notes, accounts and user ids as the operators' own records have them. */
function personalValues(): string[] {
  const at = ['account', 'subject', 'counterparty', 'detail'].map((field) =>
    operationFields.indexOf(field as (typeof operationFields)[number]),
  );
  const values = new Set<string>(notes);
  for (const { number, name } of net.file.users) {
    values.add(number).add(number.slice(1)).add(name);
    for (const part of name.split(' ')) if (part.length > 3) values.add(part);
  }
  for (const operator of operators) {
    for (const line of readFileSync(fileOf(operator, 'full'), 'utf8').split('\n')) {
      if (!line.endsWith('"type":"pair"}')) continue;
      const { first, second } = JSON.parse(line) as { first?: string[]; second?: string[] };
      for (const record of [first, second]) {
        for (const position of at) {
          const entry = record?.[position];
          if (entry === undefined) continue;
          const [salt = '', , value = ''] = JSON.parse(Buffer.from(entry, 'base64url').toString()) as string[];
          values.add(salt);
          // The digest of the other record’s subject: that record has it, and no one can open it without the salt.
          if (position === operationFields.indexOf('counterparty')) continue;
          values.add(value);
          for (const part of value.split('/')) values.add(part);
        }
      }
    }
  }
  // What is no one's: the asset of an account, an empty note, the number of an item.
  for (const common of ['', 'SEK', '11']) values.delete(common);
  return [...values];
}

describe('nobody is named', () => {
  it('in any transaction, event, report, regulator’s file or regulator’s bundle', async () => {
    const folder = join(net.dir, 'report');
    const reported = await cli(audit, [
      'report',
      ...operators.map((operator) => fileOf(operator)),
      ...against(),
      '--out',
      folder,
    ]);
    expect(reported.code).toBe(0);
    const bundles = join(net.dir, 'bundles');
    const searched: Record<string, string> = {
      chain: await chainText(),
      opening: readFileSync(join(net.dir, 'opening.json'), 'utf8'),
      ...Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')])),
      ...Object.fromEntries(operators.map((operator) => [operator, opened(readFileSync(fileOf(operator), 'utf8'))])),
      ...Object.fromEntries(
        readdirSync(bundles)
          .filter((name) => name.includes('regulator-minimum'))
          .map((name) => [name, opened(readFileSync(join(bundles, name), 'utf8'))]),
      ),
      ...Object.fromEntries(
        readdirSync(join(net.dir, 'sd-jwts')).map((name) => [
          name,
          opened(readFileSync(join(net.dir, 'sd-jwts', name), 'utf8')),
        ]),
      ),
      ...Object.fromEntries(
        readdirSync(join(net.dir, 'fetched')).map((name) => [
          name,
          opened(readFileSync(join(net.dir, 'fetched', name), 'utf8')),
        ]),
      ),
    };
    expect(Object.keys(searched).length).toBeGreaterThan(25);
    const values = personalValues();
    expect(values.length).toBeGreaterThan(20);
    for (const value of values) {
      const forms = [
        value,
        ...(/^\+?[0-9]{6,}$/.test(value) ? [BigInt(value).toString(16)] : []),
        Buffer.from(value).toString('hex'),
        Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -1),
      ];
      for (const [where, text] of Object.entries(searched)) {
        for (const form of forms.filter((each) => each.length > 2)) {
          expect(text.includes(form) ? `${where} has ${form} (${value})` : 'nothing').toBe('nothing');
        }
      }
    }
    // A refund is among the pairs, and requests and an answer among the transactions that were searched.
    expect(searched['aurora']?.includes('"refund"')).toBe(true);
    for (const event of [
      'DisclosureRequested(uint64,uint32,uint32,bytes32,uint40,uint40,bool)',
      'DisclosureAnswered(uint64,uint32,bytes32,bool)',
    ]) {
      expect([event, searched['chain']?.includes(id(event))]).toEqual([event, true]);
    }
    // The search can find: what is disclosed in full has them, in a file as in an SD-JWT.
    expect(opened(readFileSync(fileOf('aurora', 'full'), 'utf8'))).toContain(notes[0]);
    const full = readdirSync(bundles).find((name) => name.includes(`${pairs[0] ?? ''}-aurora-full`)) ?? '';
    const args = ['sd-jwt', join(bundles, full), '--key', join(net.dir, 'aurora', 'tls-key.pem')];
    expect(opened((await cli(audit, args)).out)).toContain(notes[0]);
  });
});

describe('settlement', () => {
  const settle = (...args: string[]) =>
    cli(main, ['window', 'settle', '--operator', 'aurora', '--peer', 'borealis', '--devnet', net.dir, ...args]);
  const reference = 'RIX 2026112300047110';

  it('closes, anchors and discharges in one command, and both operators end at zero', async () => {
    const settled = await settle('--reference', reference, '--json');
    expect(settled.errors).toBe('');
    expect(settled.code).toBe(0);
    const { windows } = JSON.parse(settled.out) as { windows: { state: string; lines: { net: string }[] }[] };
    expect(windows.map(({ state }) => state)).toEqual(['discharged', 'discharged']);
    // 120 paid by Anna, 15 of it paid back, 20 that she asked of Ida; what the machine sold was on her own operator or not: by the postings.
    expect(windows[0]?.lines.map(({ net: found }) => found)).toEqual(windows[1]?.lines.map(({ net: found }) => found));
    for (const name of ['anna', 'elin']) {
      const between = (await net.node(name).positions()).positions.filter(({ operator }) => operator <= 2);
      expect(between.length).toBeGreaterThan(0);
      expect(between.every(({ balance }) => balance === '0')).toBe(true);
    }
  });

  it('shows in the account, and not on chain', async () => {
    // A statement is of seconds that are over.
    const csv = await until(
      async () => {
        const to = `${new Date().toISOString().slice(0, 19)}Z`;
        const period = { from: '2026-01-01T00:00:00Z', to };
        const text = await net.node('anna').accountStatementCsv({ counterparty: 'borealis', asset: 'SEK', ...period });
        return text.includes(',settlement,') ? text : undefined;
      },
      { timeoutMillis: 10_000, failure: () => 'no settlement in the statement' },
    );
    expect(csv.trimEnd()).toMatch(/,0\.00,,,,,,$/);
    toBlock = await newestApplied();
    expect((await chainText()).includes(Buffer.from(reference).toString('hex'))).toBe(false);
  });

  it('is compared by an auditor with the pairs and with the chain', async () => {
    const file = join(net.dir, 'windows.json');
    const exported = await cli(main, [
      'window',
      'export',
      '--operator',
      'borealis',
      '--out',
      file,
      '--devnet',
      net.dir,
    ]);
    expect(exported.code).toBe(0);
    interface Windows {
      format: string;
      windows: { window: { nets: { net: string }[]; aToB: { to: number } }; references: { reference: string }[] }[];
    }
    const audited = async (change: (windows: Windows) => void) => {
      const windows = JSON.parse(readFileSync(file, 'utf8')) as Windows;
      change(windows);
      writeFileSync(`${file}.changed`, JSON.stringify(windows));
      const files = operators.map((operator) => fileOf(operator));
      const { code, out } = await cli(audit, [
        ...['positions', ...files, ...against(), '--json', '--threads', '0', '--windows', `${file}.changed`],
      ]);
      const { counts } = JSON.parse(out) as { counts: Record<string, number> };
      return { code, found: Object.keys(counts) };
    };
    const first = ({ windows }: Windows) => {
      if (windows[0] === undefined) throw new Error('no window was exported');
      return windows[0];
    };
    expect(first(JSON.parse(readFileSync(file, 'utf8')) as Windows).references).toHaveLength(1);
    expect(await audited(() => undefined)).toEqual({ code: 0, found: [] });
    const lied = await audited((windows) => {
      for (const line of first(windows).window.nets) line.net = `${BigInt(line.net) + 1n}`;
    });
    expect(lied).toEqual({
      code: 1,
      found: ['reference-differs', 'statement-unexplained', 'window-differs', 'window-unanchored'],
    });
    const renamed = await audited((windows) => {
      for (const each of first(windows).references) each.reference = 'RIX 1';
    });
    expect(renamed).toEqual({ code: 1, found: ['reference-differs'] });
    const kept = await audited((windows) => void (first(windows).references = []));
    expect(kept).toEqual({ code: 3, found: ['reference-missing'] });
    const longer = await audited((windows) => {
      const copy = structuredClone(first(windows));
      copy.window.aToB.to += 1;
      windows.windows.push(copy);
    });
    expect(longer.found).toContain('window-gap');
    expect(longer.found).toContain('window-unchecked');
    expect(await audited((windows) => void windows.windows.splice(0))).toEqual({
      code: 3,
      found: ['statement-unexplained'],
    });
  });

  it('has nothing left to settle', async () => {
    const again = await settle('--reference', reference);
    expect(again.code).toBe(1);
    expect(again.errors).toContain('Nothing has been booked with operator 2');
  });
});
