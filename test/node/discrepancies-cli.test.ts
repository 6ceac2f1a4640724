/** `tandem discrepancies` against the API itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Discrepancy } from '../../operator-node/api/discrepancy-routes.ts';
import { main } from '../../operator-node/cli/main.ts';
import type { Asset, BatchId, OperatorId } from '../../operator-node/model/ids.ts';
import { knownPair } from './api-node.fixture.ts';
import { adminToken, fakeApi, serve } from './api.fixture.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const hash = `0x${'5f'.repeat(32)}`;
const agreed = { asset: 'SEK' as Asset, amount: '-12000' };
const batch: Discrepancy = {
  batchId: hash as BatchId,
  role: 'initiator',
  peer: 2 as OperatorId,
  sequence: '17',
  count: 3,
  reconciled: 'discrepancy',
  expected: hash,
  attestation: 'otherwise',
  pairs: [{ pair: knownPair, leg: 'first', index: 1, fault: 'missing', decided: 'commit', agreed, booked: [] }],
};

async function discrepancies(answer: readonly Discrepancy[], ...args: string[]) {
  const asked: unknown[] = [];
  const { url } = await serve(
    fakeApi({ discrepancies: async ({ query }) => (asked.push(query.batch), { batches: answer }) }),
  );
  const dir = mkdtempSync(join(tmpdir(), 'tandem-discrepancies-'));
  folders.push(dir);
  writeFileSync(join(dir, 'token'), adminToken, { mode: 0o600 });
  let stdout = '';
  let stderr = '';
  const code = await main(['discrepancies', '--node', url, '--token-file', join(dir, 'token'), ...args], {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr, asked };
}

describe('tandem discrepancies', () => {
  it('ends with 2 for what is no batch id', async () => {
    expect(await discrepancies([], '--batch', '17')).toMatchObject({ code: 2, asked: [] });
  });

  it('ends with 0 where there is nothing to mend', async () => {
    expect(await discrepancies([])).toMatchObject({
      code: 0,
      stdout: 'No batch has a discrepancy.\n',
      asked: [undefined],
    });
  });

  it('ends with 3 and names the pair that was not booked', async () => {
    const { code, stdout, asked } = await discrepancies([batch], '--batch', hash);
    expect(code).toBe(3);
    expect(asked).toEqual([hash]);
    expect(stdout).toContain(`${hash} (initiator, with operator 2, sequence 17, 3 pairs): discrepancy`);
    expect(stdout).toContain('This operator’s attestation does not match');
    expect(stdout).toMatch(
      new RegExp(`${knownPair} +first +leaf 1 +committed, but not booked +agreed -12000 SEK +booked nothing`),
    );
  });

  it('gives the same as JSON', async () => {
    const { code, stdout } = await discrepancies([{ ...batch, pairs: [], attestation: 'as-decided' }], '--json');
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ batches: [{ batchId: hash, pairs: [] }] });
  });
});
