/**
 * Every field of every request to the HTTP API, at its extremes, before a whole node: each is answered or refused as the
 * caller's fault, and the next good one works. The fields are those of the routes' schemas; a sample of each is made of the
 * examples and patterns there, and a schema that it cannot be made of fails the test.
 */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { BoundRoute } from '../../../operator-node/api/route.ts';
import { nodeRoutes } from '../../../operator-node/api/table.ts';
import { createPayments } from '../../../operator-node/domains/payments/payments.ts';
import { alice, knownPair } from '../api-node.fixture.ts';
import { adminToken, auditorToken, gatewayToken, routes, serve } from '../api.fixture.ts';
import { numberOf } from '../../simulation/setting.ts';
import { contracts, TestChain } from './chain.ts';
import { brokenTexts, jsonExtremes, mutationsAt, pathsIn } from './json.ts';
import { self, startNode, type TestNode } from './node.ts';

const slow = 120_000;

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly $ref?: string;
}

/** What has a pattern and no example. */
const byPattern = [
  '2026-11-23',
  '2026-11-23T10:00:00Z',
  '17',
  'pay',
  alice,
  knownPair,
  `0x${'ab'.repeat(32)}`,
  'SEK',
  '2/COLA',
  'u_0123456789abcdef01234567',
  '1',
  'a',
];

/** Something of that form, with every member. */
function sampleOf(node: JsonSchema): unknown {
  if (node.const !== undefined) return node.const;
  if (node.examples?.[0] !== undefined) return node.examples[0];
  if (node.enum?.[0] !== undefined) return node.enum[0];
  const [either] = node.anyOf ?? node.oneOf ?? [];
  if (either !== undefined) return sampleOf(either);
  if (node.properties !== undefined) {
    return Object.fromEntries(Object.entries(node.properties).map(([name, inner]) => [name, sampleOf(inner)]));
  }
  if (node.type === 'array') return node.items === undefined ? [] : [sampleOf(node.items)];
  if (node.type === 'integer' || node.type === 'number') return Math.max(1, node.minimum ?? 1);
  if (node.type === 'boolean') return true;
  const pattern = node.pattern ?? node.allOf?.find((part) => part.pattern !== undefined)?.pattern;
  if (pattern !== undefined) return byPattern.find((text) => new RegExp(pattern, 'u').test(text)) ?? 'text';
  return node.default ?? 'text';
}

const schemaSample = (schema: z.ZodType | undefined): unknown =>
  schema === undefined
    ? undefined
    : sampleOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema);

const tokens = { gateway: gatewayToken, admin: adminToken, auditor: auditorToken, none: '' } as const;
/** The texts that a part of an address can be. */
const texts = [
  ...new Set(jsonExtremes.map(({ text }) => JSON.parse(text) as unknown).filter((value) => typeof value === 'string')),
] as string[];

interface Served {
  readonly test: TestNode;
  readonly url: string;
}

async function opened(): Promise<Served> {
  const chain = new TestChain();
  for (const operator of [1, 2, 3]) chain.admit(operator);
  chain.add();
  const test = await startNode(chain);
  await test.catchUp();
  const { node, store, reader } = test;
  const { flow } = node;
  const groups = nodeRoutes({
    flow,
    receiver: node.receiver,
    staff: node.staff,
    eraser: node.eraser,
    payments: createPayments({ operator: self, limits: { ...flow.config.limits } } as never),
    metrics: () => Promise.resolve(''),
    phones: undefined,
    sign: () => '0x' as never,
    auditLog: contracts.AuditLog,
    // Writes to a folder of staff's choice: not of this test.
    backups: {
      make: () => Promise.reject(new Error('no backups here')),
      makeKeys: () => Promise.reject(new Error('no backups here')),
    },
    recovery: node.recovery,
    doctor: {
      ...{ self, store, reader, room: flow.room, peers: node.peers, channel: flow.channel, hello: node.hello },
      ...{ signer: '', account: '' },
    },
  });
  const { url } = await serve({ groups });
  return { test, url };
}

const pathOf = ({ path }: BoundRoute, fill: (name: string) => string): string =>
  path.replaceAll(/\{([a-z]+)\}/gi, (_, name: string) => encodeURIComponent(fill(name).toWellFormed()));
const usual: Readonly<Record<string, string>> = { number: alice, id: knownPair };
/** Of folders and backups: what they can fail with is the disk's. */
const onDisk = new Set(['backup', 'keyBackup']);

async function ask({ url }: Served, route: BoundRoute, path: string, body?: string | Uint8Array): Promise<Response> {
  return fetch(url + path, {
    method: route.method.toUpperCase(),
    headers: {
      ...(route.token === 'none' ? {} : { authorization: `Bearer ${tokens[route.token]}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: body as string }),
  });
}

async function judge(name: string, answer: Response): Promise<void> {
  const text = await answer.text();
  // A block that is not final yet can be asked for later.
  if (answer.status === 503 && text.includes('"not-ready"')) return;
  expect(answer.status, `${name}: ${text.slice(0, 500)}`).toBeLessThan(500);
  if (answer.status < 400) return;
  const { error } = JSON.parse(text) as { error: { code: string; message: string } };
  expect(error.code, name).toMatch(/^[a-z-]+$/);
  expect(error.message.length, name).toBeGreaterThan(5);
}

/** A new user, money for it, and an order of it. */
async function goesOn(served: Served, turn: number): Promise<void> {
  const number = numberOf(1, 900_000 + turn);
  const send = async (path: string, token: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(served.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status, `${path}: ${await answer.clone().text()}`).toBeLessThan(300);
    return answer.json();
  };
  await send('/v1/users', adminToken, { number, name: 'Good', language: 'en', assets: ['SEK'], joined: true });
  await send('/v1/messages', gatewayToken, { id: `good-${turn}`, from: number, to: numberOf(1, 0), text: 'HELP' });
  expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
}

describe.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', (_, route) => {
  it('has a sample of every field that is taken', () => {
    for (const schema of [route.body, route.query, route.params]) {
      if (schema !== undefined) expect(schema.safeParse(schemaSample(schema)).error).toBeUndefined();
    }
  });

  it(
    'asked with an extreme is answered or refused, and the next is served',
    async () => {
      const served = await opened();
      const { test } = served;
      const path = pathOf(route, (name) => usual[name] ?? 'x');
      const sample = schemaSample(route.body);
      const query = schemaSample(route.query);
      const withBody = sample === undefined ? undefined : JSON.stringify(sample);
      const cases: { readonly name: string; readonly path: string; readonly body?: string | Uint8Array | undefined }[] =
        [];
      if (sample !== undefined) {
        const mutations = [
          ...pathsIn(sample).flatMap((place) => mutationsAt(sample, place)),
          ...brokenTexts(withBody ?? ''),
        ];
        for (const { name, text } of mutations) cases.push({ name, path, body: text });
        cases.push({ name: 'no UTF-8', path, body: Uint8Array.of(0x22, 0xff, 0xfe, 0x22) });
      }
      for (const name of Object.keys(query ?? {})) {
        for (const text of texts) {
          const given = new URLSearchParams({
            ...(query as Record<string, string>),
            [name]: text.toWellFormed().slice(0, 8_000),
          });
          cases.push({
            name: `?${name} = ${JSON.stringify(text.slice(0, 40))}`,
            path: `${path}?${given.toString()}`,
            body: withBody,
          });
        }
      }
      for (const [, part = ''] of route.path.matchAll(/\{([a-z]+)\}/gi)) {
        for (const text of texts) {
          const other = pathOf(route, (name) => (name === part ? text.slice(0, 4_000) : (usual[name] ?? 'x')));
          cases.push({ name: `{${part}} = ${JSON.stringify(text.slice(0, 40))}`, path: other, body: withBody });
        }
      }
      if (!onDisk.has(route.operationId)) {
        for (const { name, path: at, body } of cases) {
          await judge(name, await ask(served, route, at, body));
        }
      }
      await goesOn(served, routes.indexOf(route));
      expect(test.fatal).toEqual([]);
    },
    slow,
  );
});
