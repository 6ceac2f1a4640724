/** An auditor's request, answered by staff: whatever stops the node, one answer is final, and it is the one that staff gave. */
import { describe, expect, it } from 'vitest';
import { hash } from 'node:crypto';
import { TandemError } from '../../operator-node/errors.ts';
import { answerRequest } from '../../operator-node/flow/requests/answer-request.ts';
import { loadRequest } from '../../operator-node/flow/requests/request.ts';
import type { Hash, OperatorId } from '../../operator-node/model/ids.ts';
import { crashPoints } from './golden.ts';
import type { RunResult } from './run-result.ts';
import { simulate, type RunOptions, type World } from './world.ts';

const aurora = 1 as OperatorId;
const files = [hash('sha256', 'a letter')];
const request = 1;

/** Asks again each second until the node has heard of its final answer, as staff would that is never told so. */
function answerUntilFinal(world: World, heard: (what: string) => void): void {
  const flow = world.node(aurora).serving?.node.flow;
  const record = flow === undefined ? undefined : loadRequest(flow.engine.newest, request);
  if (record?.answered !== undefined) {
    const onChain = world.chain.final.state.disclosureRequest(request)?.answered?.answer;
    heard(onChain === record.order?.digest ? 'the answer that staff gave' : 'another answer');
    return;
  }
  if (flow !== undefined && record !== undefined) {
    Promise.try(() => answerRequest(flow, { request, files })).catch((error: unknown) => {
      if (!(error instanceof TandemError)) throw error;
    });
  }
  world.time.after(1_000, () => {
    answerUntilFinal(world, heard);
  });
}

async function run(options: Partial<RunOptions> = {}): Promise<{ result: RunResult; heard: readonly string[] }> {
  const heard: string[] = [];
  const result = await simulate({
    ...{ seed: 2, calm: true, spanMillis: 24_000 },
    script: [{ atMillis: 0, from: [1, 1], to: [2, 1], text: 'PAY 5 lunch' }],
    staff: [
      {
        atMillis: 2_000,
        act: (world) => {
          const digest = `0x${'d1'.repeat(32)}` as Hash;
          world.asAuthority({ name: 'requestDisclosure', auditor: 3, operator: aurora, digest, due: 2 ** 40 - 1 });
        },
      },
      {
        atMillis: 8_000,
        act: (world) => {
          answerUntilFinal(world, (what) => heard.push(what));
        },
      },
    ],
    ...options,
  });
  return { result, heard };
}

describe('a crash anywhere in the life of a request', () => {
  it('leaves one answer, which is the one that staff gave', { timeout: 120_000 }, async () => {
    const golden = await run();
    expect(golden.result.violation).toBeUndefined();
    expect(golden.heard).toEqual(['the answer that staff gave']);
    const wrong: string[] = [];
    let points = 0;
    for (const { name, enumerated } of crashPoints(golden.result, aurora)) {
      const fate = enumerated.write?.fate ?? enumerated.send?.fate;
      if (fate !== 'lost' && fate !== 'dies-after') continue;
      points += 1;
      const { result, heard } = await run({ enumerated });
      if (result.violation !== undefined) wrong.push(`${name}: ${result.violation.message}`);
      if (heard.join() !== golden.heard.join()) wrong.push(`${name}: ${heard.join() || 'no answer'}`);
    }
    expect(wrong).toEqual([]);
    expect(points).toBeGreaterThan(20);
  });
});
