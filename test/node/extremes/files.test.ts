/**
 * Every field of everything that an operator hands to an auditor, at its extremes: disclosure files line by line, evidence
 * bundles, SD-JWTs, excerpts, windows, openings of answers, and what its node says of itself. The audit comes to its end,
 * the others' results are the same as without it, and what is wrong is a finding.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { scopeSchema } from '../../../operator-node/api/auditor-routes.ts';
import { answerSchema, encodeAnswer } from '../../../operator-node/audit/answer-opening.ts';
import { checkAnswer } from '../../../operator-node/audit/check-answer.ts';
import { batchLineSchema, endSchema, headerSchema } from '../../../operator-node/audit/disclosures/lines.ts';
import { bundleSchema } from '../../../operator-node/audit/format.ts';
import { encodeExcerpt, excerptSchema, headOf, type Excerpt } from '../../../operator-node/audit/journal/excerpt.ts';
import { Findings } from '../../../operator-node/audit/scan/findings.ts';
import { scan, type ScanResult } from '../../../operator-node/audit/scan/scan.ts';
import { windowsFileSchema, windowsFormat } from '../../../operator-node/audit/scan/windows-file.ts';
import { sdJwtOf } from '../../../operator-node/audit/sd-jwt.ts';
import { bundleFiles, verifyMany } from '../../../operator-node/audit/verify-many.ts';
import { makeCertificate } from '../../../operator-node/channel/certificate.ts';
import { fetchFor } from '../../../operator-node/cli/audit-fetch.ts';
import type { Hash, OperatorId, PairId, UnixMillis } from '../../../operator-node/model/ids.ts';
import { makeCase, network as bundleNetwork } from '../audit.fixture.ts';
import { addresses, Consortium, network, temporaryFolder, textOf } from '../audit-scan.fixture.ts';
import { brokenTexts, mutationsAt, nameOf, pathsIn, unsampled, type Mutation, type Path } from './json.ts';

const hostile = 2;
const slow = 120_000;

function consortium(): Consortium {
  const made = new Consortium();
  made.add([{ amount: '100' }, { ending: 'abort' }], { initiator: 1, acceptor: hostile });
  made.add([{ amount: '700' }, { amount: '800' }], { initiator: 1, acceptor: 3 });
  return made;
}

const books = consortium();
const AuditLog = `0x${'ad'.repeat(20)}`;
const withLog = { ...network, contracts: { ...addresses, AuditLog } };

async function scanWith(texts: readonly string[], windows: readonly string[] = []): Promise<ScanResult> {
  const folder = temporaryFolder();
  const write = (text: string, name: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const honest = [1, 3].map((operator) => write(textOf(books.file(operator)), `honest-${operator}.ndjson`));
  return scan({
    network: withLog,
    endpoints: [{ name: 'endpoint', chain: books.chain() }],
    files: [...honest, ...texts.map((text, at) => write(text, `hostile-${at}.ndjson`))],
    windows: windows.map((text, at) => write(text, `windows-${at}.json`)),
    threads: 0,
  });
}

/** What the audit says of the two honest ones between themselves. */
const ofHonest = ({ operators, positions, lanes, findings }: ScanResult) => ({
  third: operators.find(({ operator }) => operator === 3),
  lane: lanes.find(({ acceptor }) => acceptor === 3),
  positions: positions.filter((position) => !JSON.stringify(position).includes(`:${hostile},`)),
  findings: findings.list.filter(({ evidence, sentence }) => evidence['operator'] === 3 || / 1 to 3\b/.test(sentence)),
});

/** Each of them must come to the end; of one that does not, its name. */
async function each(
  mutations: readonly Mutation[],
  all: () => Promise<unknown>,
  one: (text: string) => Promise<unknown>,
) {
  try {
    await all();
  } catch (cause) {
    for (const { name, text } of mutations) {
      try {
        await one(text);
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
      }
    }
    throw cause;
  }
}

describe('a disclosure file', () => {
  const lines = textOf(books.file(hostile)).split('\n').slice(0, -1);
  const kinds = ['header', 'batch', 'pair', 'end'] as const;
  const at = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      lines.findIndex((line) => line.endsWith(`"type":"${kind}"}`) || line.includes(`"type":"${kind}"`)),
    ]),
  ) as Record<(typeof kinds)[number], number>;
  const sampleOf = (kind: (typeof kinds)[number]): unknown => JSON.parse(lines[at[kind]] ?? '');
  const fileWith = (kind: (typeof kinds)[number], line: string): string =>
    `${lines.map((text, index) => (index === at[kind] ? line : text)).join('\n')}\n`;
  let baseline: ReturnType<typeof ofHonest>;
  beforeAll(async () => {
    baseline = ofHonest(await scanWith([textOf(books.file(hostile))]));
  });

  it.each([
    ['header', headerSchema],
    ['batch', batchLineSchema],
    ['end', endSchema],
  ] as const)('has a sample of every field of its %s line', (kind, schema) => {
    expect(unsampled(schema, [sampleOf(kind)])).toEqual([]);
  });

  const places = kinds.flatMap((kind) =>
    pathsIn(sampleOf(kind)).map((path): [string, typeof kind, Path] => [nameOf(path), kind, path]),
  );
  it.each(places.map(([name, kind, path]) => [`${kind} ${name}`, kind, path] as const))(
    '%s: an extreme leaves the others as they are',
    async (_, kind, path) => {
      const mutations = [
        ...mutationsAt(sampleOf(kind), path),
        ...(path.length === 0 ? brokenTexts(lines[at[kind]] ?? '') : []),
      ].map(({ name, text }) => ({ name, text: fileWith(kind, text) }));
      await each(
        mutations,
        async () => {
          const result = await scanWith(mutations.map(({ text }) => text));
          expect(ofHonest(result)).toEqual(baseline);
          expect(result.findings.list).not.toEqual([]);
        },
        (text) => scanWith([text]),
      );
    },
    slow,
  );

  it.each([
    ['nothing', ''],
    ['bytes', Buffer.from(Uint8Array.of(0xff, 0xfe, 0, 10)).toString('latin1')],
    ['another format', '{"format":"tandem/evidence/1"}\n'],
  ])('that is %s is a finding, and the others are judged', async (_, text) => {
    const result = await scanWith([text]);
    expect(result.findings.list.filter(({ code }) => code === 'file-malformed')).toMatchObject([
      { sentence: expect.stringContaining('hostile-0.ndjson') as string },
    ]);
    expect(result.operators.find(({ operator }) => operator === 3)).toEqual(baseline.third);
  });
});

describe('an evidence bundle', () => {
  const made = makeCase({ legs: ['first', 'second'] });
  const onDeadline = makeCase({ outcome: 'deadline' });
  const sample: unknown = JSON.parse(made.text);

  it('has a sample of every field', () => {
    expect(unsampled(bundleSchema, [sample, JSON.parse(onDeadline.text)])).toEqual([]);
  });

  it.each(pathsIn(sample).map((path) => [nameOf(path), path] as const))(
    '%s: an extreme leaves the others as they are',
    async (_, path) => {
      const folder = temporaryFolder();
      const mutations = [...mutationsAt(sample, path), ...(path.length === 0 ? brokenTexts(made.text) : [])];
      writeFileSync(join(folder, 'good.json'), made.text);
      for (const [index, { text }] of mutations.entries()) writeFileSync(join(folder, `${index}.json`), text);
      const findings = new Findings();
      const result = await verifyMany(bundleFiles([folder]), { network: bundleNetwork, chain: made.chain }, findings);
      // A bundle may have the record of one operation only.
      const same = mutations.filter(
        ({ name, text }) => text === made.text || /records\.(?:first|second) left out$/.test(name),
      ).length;
      expect(result.passed).toBe(1 + same);
      expect(result.failed + (result.unchecked ?? 0)).toBe(mutations.length - same);
      const named = new Set(findings.list.map(({ evidence }) => evidence['file']));
      expect(named.size).toBeGreaterThanOrEqual(mutations.length - same);
    },
    slow,
  );

  it('beside files of very many empty lists is judged all the same', { timeout: slow }, async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'good.json'), made.text);
    const lists = '['.repeat(60_000_000);
    writeFileSync(join(folder, 'bundle.json'), lists);
    writeFileSync(join(folder, 'excerpt.json'), `{"format":"tandem/journal/1","path":${lists}`);
    writeFileSync(join(folder, 'longer.json'), `${lists}${lists}`);
    const findings = new Findings();
    const result = await verifyMany(bundleFiles([folder]), { network: bundleNetwork, chain: made.chain }, findings);
    expect(result).toEqual({ passed: 1, failed: 3, unpinned: 0 });
  });

  it('that names blocks which the endpoint does not know ends nothing', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'good.json'), made.text);
    const down = { ...made.chain, block: (at: number | 'latest' | 'finalized') => made.chain.block(at) };
    let asked = 0;
    const chain = {
      ...down,
      logs: (...args: Parameters<typeof made.chain.logs>) =>
        (asked += 1) > 2 ? made.chain.logs(...args) : Promise.reject(new Error('header not found')),
    };
    writeFileSync(join(folder, 'other.json'), made.text.replace(/.$/, ' }'));
    const findings = new Findings();
    const result = await verifyMany(bundleFiles([folder]), { network: bundleNetwork, chain }, findings);
    expect(result).toMatchObject({ unchecked: 1, failed: 1 });
    expect(findings.counts).toMatchObject({ 'not-checked': 1 });
  });
});

describe('an SD-JWT', () => {
  let jwt: string;
  beforeAll(async () => {
    const { key } = await makeCertificate({ handle: 'aurora', now: 1_790_000_000_000 as UnixMillis });
    const parsed = bundleSchema.parse(JSON.parse(makeCase().text));
    jwt = sdJwtOf(parsed, key, 'first');
  });

  it(
    'at the extremes of every claim leaves the others as they are',
    async () => {
      const made = makeCase();
      const [signed = '', ...rest] = jwt.split('~');
      const [head = '', body = '', signature = ''] = signed.split('.');
      const opened = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
      const part = (text: string): string => Buffer.from(text).toString('base64url');
      const texts = [
        ...pathsIn(opened(head)).flatMap((path) =>
          mutationsAt(opened(head), path).map(({ text }) => `${part(text)}.${body}`),
        ),
        ...pathsIn(opened(body)).flatMap((path) =>
          mutationsAt(opened(body), path)
            .slice(0, 12)
            .map(({ text }) => `${head}.${part(text)}`),
        ),
      ].map((claims) => [`${claims}.${signature}`, ...rest].join('~'));
      const folder = temporaryFolder();
      writeFileSync(join(folder, 'good.json'), made.text);
      const all = [...texts, jwt.slice(0, 40), `${signed}~`, signed, `${jwt}~~~`, jwt.replaceAll('.', '..')];
      for (const [index, text] of all.entries()) writeFileSync(join(folder, `${index}.jwt`), text);
      const findings = new Findings();
      const result = await verifyMany(bundleFiles([folder]), { network: bundleNetwork, chain: made.chain }, findings);
      expect(result.passed).toBe(1);
      expect(result.failed + (result.unchecked ?? 0)).toBe(all.length);
    },
    slow,
  );
});

describe('an excerpt of a journal', () => {
  const pair = '0190a1b2-c3d4-7e5f-8a9b-000000000001' as PairId;
  const entry = {
    sequence: 7,
    at: 1_790_000_000_000,
    kind: 'order',
    payload: '{"text":"PAY 1"}',
    salt: '0a'.repeat(16),
  };
  const unanchored: Excerpt = {
    format: 'tandem/journal/1',
    chainId: bundleNetwork.chainId,
    auditLog: AuditLog,
    operator: hostile as OperatorId,
    pair,
    before: '00'.repeat(32),
    entries: [entry],
    path: [[8, 1_790_000_000_001, 'staff', '0b'.repeat(32)]],
    anchor: {
      entry: 8,
      head: `0x${'00'.repeat(32)}` as Hash,
      block: { number: 3, hash: `0x${'03'.repeat(32)}` as Hash, timestamp: 1_790_000_010 },
    },
  };
  const led = headOf(unanchored);
  const sample: Excerpt = {
    ...unanchored,
    anchor: { ...unanchored.anchor, head: `0x${'hash' in led ? led.hash : ''}` as Hash },
  };

  it('has a sample of every field', () => {
    expect(unsampled(excerptSchema, [sample])).toEqual([]);
  });

  it.each(pathsIn(sample).map((path) => [nameOf(path), path] as const))(
    '%s: an extreme leaves the others as they are',
    async (_, path) => {
      const made = makeCase();
      const folder = temporaryFolder();
      const mutations = [
        ...mutationsAt(sample, path),
        ...(path.length === 0 ? brokenTexts(encodeExcerpt(sample)) : []),
      ];
      writeFileSync(join(folder, 'good.json'), made.text);
      for (const [index, { text }] of mutations.entries()) writeFileSync(join(folder, `${index}.json`), text);
      const findings = new Findings();
      const result = await verifyMany(bundleFiles([folder]), { network: bundleNetwork, chain: made.chain }, findings);
      expect(result.passed).toBe(1);
      expect(result.failed + (result.unchecked ?? 0)).toBe(mutations.length);
    },
    slow,
  );
});

describe('a file of windows', () => {
  const sample = {
    format: windowsFormat,
    windows: [
      {
        window: {
          ...{ number: 1, operatorA: 1, operatorB: hostile, aToB: { from: 1, to: 1 }, bToA: { from: 1, to: 0 } },
          ...{ nets: [{ asset: 'SEK', net: '100' }], secret: `0x${'5e'.repeat(32)}` },
        },
        references: [{ asset: 'SEK', reference: 'paid', salt: '0a'.repeat(16) }],
      },
    ],
  };

  it('has a sample of every field that is taken', () => {
    expect(windowsFileSchema.safeParse(sample).error).toBeUndefined();
    expect(unsampled(windowsFileSchema, [sample])).toEqual([]);
  });

  it.each(pathsIn(sample).map((path) => [nameOf(path), path] as const))(
    '%s: an extreme leaves the others as they are',
    async (_, path) => {
      const good = textOf(books.file(hostile));
      const baseline = ofHonest(await scanWith([good]));
      const mutations = [
        ...mutationsAt(sample, path),
        ...(path.length === 0 ? brokenTexts(JSON.stringify(sample)) : []),
      ];
      await each(
        mutations,
        async () => {
          const result = await scanWith(
            [good],
            mutations.map(({ text }) => text),
          );
          expect(ofHonest(result)).toEqual(baseline);
          const refused = mutations.filter(({ text }) => !taken(text)).length;
          expect(result.findings.counts['file-malformed'] ?? 0).toBe(refused);
        },
        (text) => scanWith([good], [text]),
      );
    },
    slow,
  );

  const taken = (text: string): boolean => {
    try {
      return (
        windowsFileSchema.safeParse(JSON.parse(text)).success &&
        !text.includes('"format":"tandem/windows/1","format"') &&
        !doubled(text)
      );
    } catch {
      return false;
    }
  };
  /** Only the mutation with a name twice has one. */
  const doubled = (text: string): boolean => JSON.stringify(JSON.parse(text)).length < text.length - 8;
});

describe('the opening of an answer', () => {
  const sample: unknown = JSON.parse(
    encodeAnswer({
      ...{ chainId: bundleNetwork.chainId, auditLog: AuditLog, operator: hostile as OperatorId, request: 4 },
      ...{ salt: '0a'.repeat(16), files: ['0b'.repeat(32)], texts: [{ bytes: 3, sha256: '0c'.repeat(32) }] },
    }),
  );

  it('has a sample of every field', () => {
    expect(unsampled(answerSchema, [sample])).toEqual([]);
  });

  it(
    'at the extremes of every field is a finding',
    async () => {
      const made = makeCase();
      for (const path of pathsIn(sample)) {
        for (const { name, text } of mutationsAt(sample, path)) {
          const findings = new Findings();
          const checked = await checkAnswer(
            'opening.json',
            text,
            ['/no/such/file'],
            { network: bundleNetwork, chain: made.chain },
            findings,
          );
          expect(checked.said, name).toContain('opening.json');
          expect(Object.keys(findings.counts), name).toContain('answer-differs');
        }
      }
    },
    slow,
  );
});

describe('what a node says of itself to an auditor', () => {
  const sample = {
    ...{ auditor: 'eva', operator: hostile, counterparties: [1], fromBlock: 1, toBlock: 9 },
    ...{ policies: ['regulator-minimum'], expires: '2030-01-01T00:00:00Z', requestsPerMinute: 60, finalBlock: 9 },
  };
  let answer = '';
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  });
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('has a sample of every field', () => {
    expect(unsampled(scopeSchema, [sample])).toEqual([]);
  });

  it(
    'at the extremes of every field is a finding about that node',
    async () => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const job = { policy: 'regulator-minimum', reason: 'test', filed: new Map<number, string>() };
      onTestFinished(() => undefined);
      for (const path of pathsIn(sample)) {
        for (const { name, text } of mutationsAt(sample, path)) {
          answer = text;
          const findings = new Findings();
          const files = await fetchFor([{ url, token: 'token' }], temporaryFolder(), { from: 1, to: 9 }, job, findings);
          // What is no scope, or a scope and then no disclosures: either way there is no file. Or the scope is of no block.
          expect(files, name).toEqual([]);
          if (!/from|to/i.test(name)) expect(findings.counts, name).toEqual({ 'not-checked': 1 });
        }
      }
    },
    slow,
  );
});
