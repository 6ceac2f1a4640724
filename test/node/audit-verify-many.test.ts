/** Many bundles: each by itself, and those of one pair against each other. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditChain } from '../../operator-node/audit/audit-chain.ts';
import { buildBundle, fullPolicy } from '../../operator-node/audit/bundle.ts';
import { registry } from '../../operator-node/audit/contracts.ts';
import { encodeBundle, parseBundle, type EvidenceBundle } from '../../operator-node/audit/format.ts';
import { Findings } from '../../operator-node/audit/scan/findings.ts';
import { sdJwtOf } from '../../operator-node/audit/sd-jwt.ts';
import { bundleFiles, steady, verifyMany } from '../../operator-node/audit/verify-many.ts';
import { makeCertificate } from '../../operator-node/channel/certificate.ts';
import { disclose } from '../../operator-node/commitment/disclosure.ts';
import type { Hash, Hex, UnixMillis } from '../../operator-node/model/ids.ts';
import {
  admission,
  decidedAt,
  makeCase,
  modelChain,
  network,
  preparedAt,
  signers,
  type RegistryEvent,
} from './audit.fixture.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'tandem-bundles-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const made = makeCase();

const pinSet = (operator: number, block: number, pin: string): RegistryEvent => ({
  block,
  name: 'OperatorPinRotated',
  args: [operator, `0x${'00'.repeat(32)}`, pin, 0],
});

function changed(text: string, change: (bundle: EvidenceBundle) => void): string {
  const parsed = parseBundle(text);
  if (!parsed.ok) throw new Error(parsed.reason);
  change(parsed.bundle);
  return encodeBundle(parsed.bundle);
}

async function verified(texts: Readonly<Record<string, string>>, chain: AuditChain = made.chain) {
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  const findings = new Findings();
  const pinned = { network, chain };
  return { ...(await verifyMany(bundleFiles([folder]), pinned, findings)), findings };
}

describe('verifyMany', () => {
  it('passes good ones, in folders of any depth', async () => {
    mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
    writeFileSync(join(folder, 'deep', 'er', 'full.json'), buildBundle({ ...made.input, policy: fullPolicy }));
    const result = await verified({ 'one.json': made.text });
    expect({ ...result, findings: result.findings.list }).toEqual({ passed: 2, failed: 0, unpinned: 0, findings: [] });
  });

  it('is never more than unpinned without a network', async () => {
    writeFileSync(join(folder, 'one.json'), made.text);
    const findings = new Findings();
    expect(await verifyMany(bundleFiles([folder]), undefined, findings)).toEqual({ passed: 0, failed: 0, unpinned: 1 });
    expect(findings.counts).toEqual({ 'bundle-unpinned': 1 });
  });

  const frauds: readonly (readonly [what: string, code: string, sentence: RegExp, text: () => string])[] = [
    [
      'a forged inclusion proof',
      'bundle-invalid',
      /inclusion: leaf 2 of 5/,
      () => changed(made.text, ({ proof }) => void (proof[0] = `0x${'11'.repeat(32)}` as Hash)),
    ],
    [
      'an amount that the commitment does not have',
      'bundle-invalid',
      /commitments: the terms record commits to/,
      () =>
        changed(
          made.text,
          ({ records }) => void (records.terms[3] = disclose(`0x${'22'.repeat(32)}` as Hash, 'firstAmount', '1')),
        ),
    ],
    [
      'a disclosure in another field’s place',
      'bundle-invalid',
      /terms\.firstAmount is disclosed by a disclosure of "secondAmount"/,
      () =>
        changed(made.text, ({ records: { terms } }) => void ([terms[3], terms[5]] = [terms[5] ?? '', terms[3] ?? ''])),
    ],
    [
      'one from another chain',
      'bundle-foreign',
      /the bundle’s chain id is 1/,
      () => changed(made.text, (bundle) => void (bundle.chainId = '1')),
    ],
    [
      'one from a look-alike contract',
      'bundle-foreign',
      /the bundle’s contract is 0x77/,
      () => changed(made.text, (bundle) => void (bundle.contract = `0x${'77'.repeat(20)}`)),
    ],
    [
      'an outcome that the chain does not have',
      'bundle-invalid',
      /decision: the pair is committed/,
      () => changed(made.text, ({ decision }) => void ((decision as { status: string }).status = 'aborted')),
    ],
  ];
  it.each(frauds)('finds %s', async (_, code, sentence, text) => {
    const { findings, failed } = await verified({ 'planted.json': text() });
    expect(failed).toBe(1);
    const found = findings.list.filter((each) => sentence.test(each.sentence));
    expect(found.map((each) => each.code)).toEqual([code]);
    expect(found[0]?.evidence['file']).toContain('planted.json');
  });

  it('finds two bundles that show different values for one field', async () => {
    const lie = changed(
      made.text,
      ({ records }) => void (records.terms[3] = disclose(`0x${'22'.repeat(32)}` as Hash, 'firstAmount', '1')),
    );
    const { findings } = await verified({ 'a.json': made.text, 'b.json': lie });
    const found = findings.list.find(({ code }) => code === 'bundles-contradict');
    expect(found?.evidence).toMatchObject({ what: 'terms.firstAmount', pair: made.pairs[2]?.leaf.pair });
  });

  it('finds two bundles that put one pair in two places', async () => {
    const other = makeCase({ count: 4 });
    const { findings } = await verified({ 'a.json': made.text, 'b.json': other.text });
    expect(findings.list.find(({ code }) => code === 'bundles-contradict')?.evidence['what']).toContain('its place');
  });

  it('reads SD-JWTs, and refuses one that is signed by a key that is no pin of the operator', async () => {
    const { key, pin } = await makeCertificate({ handle: 'aurora', now: 1_790_000_000_000 as UnixMillis });
    const parsed = parseBundle(made.text);
    if (!parsed.ok) throw new Error(parsed.reason);
    const text = sdJwtOf(parsed.bundle, key, 'first');
    const zero = `0x${'00'.repeat(20)}`;
    const none = `0x${'00'.repeat(32)}`;
    /** The registry with that pin of both operators. */
    const withPin = (value: string, chain = modelChain(made.model)): AuditChain => {
      return {
        ...chain,
        call: async (to, data, at) => {
          const call = registry.parseTransaction({ data });
          if (call?.name !== 'operator') return chain.call(to, data, at);
          // Refused as the state of that block is.
          await chain.call(to, data, at);
          const signer = (call.args[0] === 1n ? signers.initiator : signers.acceptor).address;
          const values = [1, 'name', zero, zero, zero, zero, 0, signer, '0x', 0, value, none, none, 0, '', 0];
          return registry.encodeFunctionResult('operator', [values]) as Hex;
        },
      };
    };
    const good = await verified({ 'one.sdjwt': `${text}\n` }, withPin(pin));
    expect(good.findings.list).toEqual([]);
    expect(good.passed).toBe(1);
    const bad = await verified({ 'one.sdjwt': text }, withPin(`0x${'99'.repeat(32)}`));
    expect(bad).toMatchObject({ passed: 0, failed: 1 });
    expect(bad.findings.list[0]?.sentence).toContain(`it is signed by the key ${pin}`);
    // An endpoint without old state has the pins' history all the same.
    const other = `0x${'99'.repeat(32)}`;
    const pruned = (now: string, ...events: readonly RegistryEvent[]): AuditChain => {
      const registryEvents = (operator: number) => {
        const { address } = operator === 1 ? signers.initiator : signers.acceptor;
        return [admission(operator, address as Hex), ...(operator === 1 ? events : [])];
      };
      return withPin(now, modelChain({ ...made.model, stateFrom: decidedAt + 1, registryEvents }));
    };
    const before = pinSet(1, preparedAt - 1, pin);
    const passes = { passed: 1, failed: 0 };
    expect(await verified({ 'one.sdjwt': text }, pruned(pin, before))).toMatchObject(passes);
    expect(await verified({ 'one.sdjwt': text }, pruned(other, before, pinSet(1, decidedAt, other)))).toMatchObject(
      passes,
    );
    const late = pruned(pin, pinSet(1, preparedAt + 1, pin));
    expect(await verified({ 'one.sdjwt': text }, late)).toMatchObject({ passed: 0, failed: 1 });
    // Events that do not lead to what is there now are not believed; the others are judged.
    const gap = await verified({ 'one.sdjwt': text, 'two.json': made.text }, pruned(other, before));
    expect(gap).toMatchObject({ passed: 1, unchecked: 1 });
    const stray = disclose(`0x${'11'.repeat(32)}` as Hash, 'amount', '1');
    const third = await verified({ 'one.sdjwt': `${text}${stray}~` }, withPin(pin));
    expect(third.findings.list[0]?.evidence['check']).toBe('disclosure-unreferenced');
  });
});

describe('steady', () => {
  it('judges all by one newest block, and asks the rest once; what failed is asked again', async () => {
    const asked: string[] = [];
    let failing = true;
    const chain = steady({
      ...made.chain,
      block: async (at) => (asked.push(`block ${at}`), made.chain.block(at)),
      code: async (address, at) => {
        asked.push('code');
        if (failing) throw new Error('down');
        return made.chain.code(address, at);
      },
    });
    await chain.block('latest');
    await chain.block('latest');
    await chain.block(3);
    await chain.block(3);
    expect(asked).toEqual(['block latest', 'block 3']);
    await expect(chain.code('0x', `0x${'00'.repeat(32)}` as Hash)).rejects.toThrow('down');
    failing = false;
    expect(await chain.code('0x', `0x${'00'.repeat(32)}` as Hash)).toBe('0x');
  });
});
