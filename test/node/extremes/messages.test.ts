/**
 * Every field of every message between operators, at its extremes: whatever one peer asks or answers, it is told what is
 * wrong with it, and the others are answered as before. The samples are the recorded examples of the protocol, and have
 * every field of the schemas.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { methods, type Method, type Request } from '../../../operator-node/channel/messages.ts';
import { checkAnswer, checkRequest, parseBody } from '../../../operator-node/channel/wire.ts';
import { TandemError } from '../../../operator-node/errors.ts';
import type { OperatorId } from '../../../operator-node/model/ids.ts';
import { TestChain, asOperator } from './chain.ts';
import { brokenTexts, mutationsAt, pathsIn, unsampled, type Mutation } from './json.ts';
import { startNode, type TestNode } from './node.ts';

const hostile = asOperator(2);
const honest = asOperator(3);
const slow = 120_000;

const methodNames = Object.keys(methods) as Method[];
const examplesOf = (method: Method): readonly { readonly request: unknown; readonly answer: unknown }[] => {
  const path = join(import.meta.dirname, '..', '..', 'vectors', 'channel', `${method}.json`);
  return (JSON.parse(readFileSync(path, 'utf8')) as { examples: { request: unknown; answer: unknown }[] }).examples;
};

/** The examples one after another, as long as each brings a field that those before do not have. */
function samplesOf(method: Method, part: 'request' | 'answer'): readonly unknown[] {
  const seen = new Set<string>();
  return examplesOf(method)
    .map((example) => example[part])
    .filter((sample) => {
      const paths = pathsIn(sample).map((path) => path.join('.'));
      const brings = paths.some((path) => !seen.has(path));
      for (const path of paths) seen.add(path);
      return brings;
    });
}

const mutationsOf = (sample: unknown): readonly Mutation[] => [
  ...pathsIn(sample).flatMap((path) => mutationsAt(sample, path)),
  ...brokenTexts(JSON.stringify(sample)),
];

/** What the channel's server does with a body, and then the node. */
async function ask(test: TestNode, from: OperatorId, method: Method, text: string): Promise<unknown> {
  const request = checkRequest(method, parseBody(Buffer.from(text)));
  const handle = test.node.handlers[method] as (peer: OperatorId, request: unknown) => Promise<unknown>;
  return handle(from, request);
}

/** An honest peer's greeting and question are answered. */
async function goesOn(test: TestNode): Promise<void> {
  const hello = test.node.hello(honest);
  await expect(ask(test, honest, 'hello', JSON.stringify({ ...hello, operator: honest }))).resolves.toMatchObject({
    operator: 1,
  });
  await expect(
    ask(test, honest, 'outcome', JSON.stringify({ pairs: ['01a207d9-2101-7000-8000-00000000ffff'] })),
  ).resolves.toBeDefined();
}

describe.each(methodNames)('%s', (method) => {
  it('has a sample of every field', () => {
    for (const part of ['request', 'answer'] as const) {
      expect(unsampled(methods[method][part], samplesOf(method, part)), part).toEqual([]);
    }
  });

  it(
    'asked with an extreme is answered or refused as the peer’s fault, and the others are served',
    async () => {
      const chain = new TestChain();
      for (const operator of [1, 2, 3]) chain.admit(operator);
      chain.add();
      const test = await startNode(chain);
      await test.catchUp();
      for (const sample of samplesOf(method, 'request')) {
        for (const { name, text } of mutationsOf(sample)) {
          try {
            await ask(test, hostile, method, text);
          } catch (error) {
            if (!(error instanceof TandemError)) throw new Error(`${name}: ${String(error)}`, { cause: error });
            expect(error.status, `${name}: ${error.message}`).toBeLessThan(500);
            expect(error.message.length, name).toBeLessThan(2_000);
          }
        }
        await goesOn(test);
      }
      expect(test.fatal).toEqual([]);
      expect(test.failures.filter(({ error }) => !(error instanceof TandemError))).toEqual([]);
      chain.add();
      expect(await test.catchUp()).toBe(chain.height);
    },
    slow,
  );

  it(
    'answered with an extreme is taken or refused, naming the peer',
    () => {
      const peer = hostile;
      for (const { request, answer } of examplesOf(method).slice(0, 3)) {
        const asked = checkRequest(method, request) as Request<Method>;
        for (const { name, text } of mutationsOf(answer)) {
          try {
            checkAnswer(peer, method, asked, parseBody(Buffer.from(text)));
          } catch (error) {
            if (!(error instanceof TandemError)) throw new Error(`${name}: ${String(error)}`, { cause: error });
            expect(['unprocessable', 'bad-json'], name).toContain(error.code);
            if (error.code === 'unprocessable')
              expect(error.message, name).toMatch(/^Operator 2 (?:answered|sent a malformed answer) /);
          }
        }
      }
    },
    slow,
  );
});
