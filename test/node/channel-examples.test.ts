/** The recorded examples, replayed: against the JSON Schemas, the code's own, the channel, and the commitments they name. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Channel, PeerHandlers } from '../../operator-node/channel/channel.ts';
import { createHttpsChannel, startChannelServer, type ChannelServer } from '../../operator-node/channel/https.ts';
import { errorAnswer, methods, type Answer, type Method, type Request } from '../../operator-node/channel/messages.ts';
import { errorBody } from '../../operator-node/channel/wire.ts';
import { encodeLeaf } from '../../operator-node/commitment/leaf.ts';
import { merkleTree } from '../../operator-node/commitment/merkle.ts';
import { statementToSign } from '../../operator-node/commitment/audit-log-data.ts';
import { operationCommitment, subjectDigest, termsCommitment } from '../../operator-node/commitment/record.ts';
import { batchIdOf, recoverSigner } from '../../operator-node/commitment/typed-data.ts';
import { statementDigest } from '../../operator-node/commitment/window.ts';
import type { Hash, Hex } from '../../operator-node/model/ids.ts';
import type { Batch, OperationRecord, Terms } from '../../operator-node/model/records.ts';
import { schemaFiles } from '../../scripts/channel/schemas.ts';
import { aurora, borealis, newCertificate, now, TestRegistry } from './channel.fixture.ts';

const examplesDir = join(import.meta.dirname, '..', 'vectors', 'channel');
const schemasDir = join(import.meta.dirname, '..', '..', 'docs', 'protocol', 'schemas');
const readJson = (dir: string, name: string): unknown => JSON.parse(readFileSync(join(dir, `${name}.json`), 'utf8'));

interface Example {
  readonly name: string;
  readonly request: unknown;
  readonly answer: unknown;
}

const methodNames = Object.keys(methods) as Method[];
const examplesOf = (method: Method): readonly Example[] =>
  (readJson(examplesDir, method) as { examples: Example[] }).examples;

const ajv = new Ajv2020({ strict: true });

/** Each message by its place, with both ways of checking it. */
const places = methodNames.flatMap((method) =>
  (['request', 'answer'] as const).map((part) => {
    const bySchema = ajv.compile(readJson(schemasDir, `${method}.${part}`) as object);
    return {
      place: `${method}.${part}`,
      examples: examplesOf(method).map((example) => example[part]),
      bySchema: (value: unknown): boolean => bySchema(value),
      byCode: (value: unknown): boolean => methods[method][part].safeParse(value).success,
    };
  }),
);

type Path = readonly (string | number)[];

/** Every value inside a message, with the way to it. */
function* walk(value: unknown, path: Path = []): Generator<{ path: Path; value: unknown }> {
  yield { path, value };
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value))
    yield* walk(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

/** A copy in which the value at `path` is what `change` makes of it. */
function changed(value: unknown, path: Path, change: (inner: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = changed(copy[key], rest, change);
  return copy;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Near misses: each of them is wrong wherever it applies. */
const nearMisses: readonly (readonly [name: string, of: (value: unknown) => readonly unknown[]])[] = [
  ['an unknown field', (value) => (isObject(value) ? [{ ...value, extra: 1 }] : [])],
  [
    'a missing field',
    (value) =>
      isObject(value)
        ? Object.keys(value).map((key) => Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)))
        : [],
  ],
  ['null', () => [null]],
  [
    'upper-case hex',
    (value) =>
      typeof value === 'string' && /^(?:0x)?[0-9a-f-]{32,}$/.test(value)
        ? [value.replace('0x', '0X'), value.slice(0, 2) + value.slice(2).toUpperCase()].filter((text) => text !== value)
        : [],
  ],
  ['oversize text', (value) => (typeof value === 'string' ? [value + 'a'.repeat(5000), value + '0'.repeat(5000)] : [])],
  ['too many', (value) => (Array.isArray(value) ? [Array.from({ length: 4097 }, () => value[0] as unknown)] : [])],
  ['a lone surrogate', (value) => (typeof value === 'string' ? [`${value}\ud800`, `\udc00${value}`] : [])],
  ['text for a number', (value) => (typeof value === 'number' ? [String(value)] : [])],
  ['a number out of bounds', (value) => (typeof value === 'number' ? [-1, value + 0.5, 2 ** 60] : [])],
  ['a number for text', (value) => (typeof value === 'string' ? [Number.parseInt(value, 10) || 0] : [])],
  [
    'white space',
    (value) => (typeof value === 'string' && /^[+0-9a-z:-]+$/i.test(value) ? [`${value}\n`, ` ${value}`] : []),
  ],
];

/** Texts that anything goes in: white space is no miss there. */
const freeText = new Set(['note', 'item', 'fromName', 'toName', 'label', 'delivers', 'text', 'id']);

describe('the schema files', () => {
  test('are those that the messages give', async () => {
    const files = await schemaFiles();
    expect(readdirSync(schemasDir).toSorted()).toEqual([...files.keys()].toSorted());
    for (const [name, text] of files) expect(readFileSync(join(schemasDir, name), 'utf8'), name).toBe(text);
  });

  test('agree with the code on any value in any place', () => {
    const spots = places.flatMap((place) =>
      place.examples.flatMap((example) => [...walk(example)].map(({ path }) => ({ ...place, example, path }))),
    );
    const anyText = fc.string({
      unit: fc.oneof(
        fc.constantFrom('0', 'a', 'x', '-', ':', '+', 'Z', '\ud83d', '\ude00'),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      ),
      maxLength: 200,
    });
    const anyValue = fc.oneof(anyText, fc.integer(), fc.double({ noNaN: true }), fc.constantFrom(null, true, [], {}));
    fc.assert(
      fc.property(fc.nat({ max: spots.length - 1 }), anyValue, (index, value) => {
        const spot = spots[index];
        if (spot === undefined) throw new Error(`no spot ${index}`);
        const message: unknown = JSON.parse(JSON.stringify(changed(spot.example, spot.path, () => value)));
        expect(spot.bySchema(message), `${spot.place} ${spot.path.join('.')}`).toBe(spot.byCode(message));
      }),
      { numRuns: 3000, seed: 20261123 },
    );
  });

  test('count characters as the code does: by code point', () => {
    const forward = places.find(({ place }) => place === 'forward.request');
    for (const [text, fits] of [
      ['👋'.repeat(4096), true],
      ['👋'.repeat(4097), false],
      ['a'.repeat(4097), false],
    ] as const) {
      const message = { id: '1', from: '+46701000001', to: '+46702000001', text };
      expect([forward?.bySchema(message), forward?.byCode(message)]).toEqual([fits, fits]);
    }
  });
});

describe.each(places)('the examples of $place', ({ place, examples, bySchema, byCode }) => {
  test('are valid by schema and by code', () => {
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      expect(bySchema(example)).toBe(true);
      expect(byCode(example)).toBe(true);
    }
  });

  test('show every word that can stand there', () => {
    const words = [...walk(readJson(schemasDir, place))].flatMap(({ path, value }) => {
      if (path.at(-1) === 'const') return [value];
      return path.at(-1) === 'enum' ? value : [];
    });
    const shown = new Set(examples.flatMap((example) => [...walk(example)].map(({ value }) => value)));
    expect(words.filter((word) => !shown.has(word))).toEqual([]);
  });

  test.each(nearMisses)('are refused by both with %s', (name, missesOf) => {
    for (const example of examples) {
      for (const { path, value } of walk(example)) {
        if (name === 'white space' && freeText.has(String(path.at(-1)))) continue;
        for (const miss of missesOf(value)) {
          const message = changed(example, path, () => miss);
          const where = `${path.join('.')}: ${JSON.stringify(miss).slice(0, 80)}`;
          expect(bySchema(message), `schema, ${where}`).toBe(false);
          expect(byCode(message), `code, ${where}`).toBe(false);
        }
      }
    }
  });
});

describe('the examples of errors', () => {
  const examples = (readJson(examplesDir, 'errors') as { examples: { body: { error: { code: string } } }[] }).examples;
  const bySchema = ajv.compile(readJson(schemasDir, 'error') as object);

  test('are valid by schema and by code', () => {
    for (const { body } of examples) {
      expect(bySchema(body)).toBe(true);
      expect(errorAnswer.safeParse(body).success).toBe(true);
    }
  });

  test('have the form that this node sends, whatever it quotes', () => {
    const quoting = `${'x'.repeat(999)}😀${'y'.repeat(5000)}`;
    expect(bySchema(JSON.parse(errorBody('bad-request', quoting)))).toBe(true);
  });
});

describe('a peer of this build', () => {
  let server: ChannelServer;
  let channel: Channel;
  let recorded: Example | undefined;
  let seen: unknown;

  const replay = async (request: unknown): Promise<unknown> => {
    seen = request;
    return recorded?.answer;
  };

  beforeAll(async () => {
    const [mine, theirs] = await Promise.all([newCertificate('aurora'), newCertificate('borealis')]);
    const peers = new TestRegistry();
    const handlers = Object.fromEntries(
      methodNames.map((method) => [method, (_from: unknown, request: unknown) => replay(request)]),
    ) as unknown as PeerHandlers;
    peers.set(aurora, { pins: [mine.pin] });
    server = await startChannelServer({
      ...theirs,
      operator: borealis,
      host: '127.0.0.1',
      port: 0,
      peers,
      handlers,
      now,
    });
    peers.set(borealis, { pins: [theirs.pin], endpoint: `https://127.0.0.1:${server.port}` });
    channel = createHttpsChannel({ ...mine, operator: aurora, peers, now });
  });
  afterAll(async () => {
    await channel.close();
    await server.close();
  });

  const replayed = methodNames.flatMap((method) => examplesOf(method).map((example) => ({ method, ...example })));
  test.each(replayed)('carries $method: $name', async ({ method, ...example }) => {
    recorded = example;
    expect(await channel.call(borealis, method, example.request as Request<Method>)).toEqual(example.answer);
    expect(seen).toEqual(example.request);
  });
});

describe('the scenario behind the examples', () => {
  interface Leg {
    readonly record: OperationRecord;
    readonly secret: Hash;
    readonly commitment: Hash;
  }
  const scenario = readJson(examplesDir, 'scenario') as {
    settlement: { chainId: string; contract: string };
    operators: { id: number; signer: string }[];
    pairs: { terms: Terms; termsSecret: Hash; termsCommitment: Hash; first: Leg; second: Leg }[];
    batch: Batch;
    batchId: string;
    window: { auditLog: string; statements: string[] };
  };
  const exampleOf = <M extends Method>(method: M, name: string): { request: Request<M>; answer: Answer<M> } => {
    const example = examplesOf(method).find((candidate) => candidate.name.startsWith(name));
    if (example === undefined) throw new Error(`no example ${name} of ${method}`);
    return { request: example.request as Request<M>, answer: example.answer as Answer<M> };
  };

  test('gives the commitments and subject digests of the proposals and their answers', () => {
    const { request, answer } = exampleOf('propose', 'three held');
    for (const [
      index,
      { terms, termsSecret, termsCommitment: commitment, first, second },
    ] of scenario.pairs.entries()) {
      expect(termsCommitment(termsSecret, terms)).toBe(commitment);
      expect(operationCommitment(first.secret, first.record)).toBe(first.commitment);
      expect(operationCommitment(second.secret, second.record)).toBe(second.commitment);
      const firstSubject = subjectDigest(first.secret, first.record.subject);
      const secondSubject = subjectDigest(second.secret, second.record.subject);
      expect([first.record.counterparty, second.record.counterparty]).toEqual([secondSubject, firstSubject]);
      expect(request.proposals[index]).toMatchObject({ terms, termsSecret, firstSubject });
      expect(answer.answers[index]).toMatchObject({ secondCommitment: second.commitment, secondSubject });
    }
  });

  test('gives the root, the batchId and both signatures', () => {
    const { request, answer } = exampleOf('offer', 'signed');
    const leaves = scenario.pairs.map(({ terms, termsCommitment: commitment, first, second }) =>
      encodeLeaf({ pair: terms.pair, terms: commitment, first: first.commitment, second: second.commitment }),
    );
    expect(`0x${merkleTree(leaves).root.toString('hex')}`).toBe(request.batch.root);
    expect(request.pairs.map(({ firstCommitment }) => firstCommitment)).toEqual(
      scenario.pairs.map(({ first }) => first.commitment),
    );
    const { chainId, contract } = scenario.settlement;
    const batchId = batchIdOf({ chainId: BigInt(chainId), contract }, request.batch);
    expect(batchId).toBe(scenario.batchId);
    const countersign = exampleOf('countersign', 'stored').request;
    expect(answer).toMatchObject({ answer: 'signed', batchId });
    const signers = scenario.operators.map(({ signer }) => signer.toLowerCase());
    const acceptorSignature = answer.answer === 'signed' ? answer.signature : countersign.signature;
    expect(recoverSigner(batchId, countersign.signature)?.toLowerCase()).toBe(signers[0]);
    expect(recoverSigner(batchId, acceptorSignature)?.toLowerCase()).toBe(signers[1]);
  });

  test('gives the statement of a window and the signature of the operator that is asked', () => {
    const { request, answer } = exampleOf('window', 'signed');
    if (answer.answer !== 'signed') throw new Error('the first example of window is signed');
    const auditLog = { chainId: BigInt(scenario.settlement.chainId), contract: scenario.window.auditLog };
    const statements = request.window.nets.map(({ asset }) => statementDigest(auditLog, request.window, asset));
    expect(statements).toEqual(scenario.window.statements);
    // What a pair moves goes from the payer's operator to the other one.
    const net = scenario.pairs.reduce((sum, { terms }) => {
      const amount = BigInt(terms.secondAmount);
      return sum + (terms.service === 'request' ? -amount : amount);
    }, 0n);
    expect(request.window.nets).toEqual([{ asset: 'SEK', net: `${net}` }]);
    const { operatorA, operatorB } = request.window;
    for (const [index, statement] of statements.entries()) {
      const digest = statementToSign(auditLog, operatorA, operatorB, statement);
      const by = recoverSigner(digest, answer.signatures[index] as Hex);
      expect(by).toBe(scenario.operators[1]?.signer.toLowerCase());
    }
  });
});
