/** The events alone rebuild the state: the whole log of both contracts is folded into a model and compared with them. */
import { ZeroAddress, ZeroHash, id } from 'ethers';
import { describe, expect, it } from 'vitest';

import { allOf, commitAll, deadline, decision } from './consortium.ts';
import { type Line, linesOf, receiptOf } from './outcome.ts';
import { admitMore, attestation, now, openScene } from './scene.ts';

const scene = openScene();

/** Every event of this contract from the first block on, in order. */
async function logOf(contract: 'registry' | 'settlement'): Promise<readonly Line[]> {
  const logs = await scene.chain.provider.getLogs({ address: await scene[contract].getAddress(), fromBlock: 0 });
  return linesOf(logs);
}

describe('the log of the registry', () => {
  type Entry = Record<string, unknown>;
  const [active, suspended, retired] = [1n, 2n, 3n];
  const previousOf = [
    { previousAccount: ZeroAddress, previousAccountUntil: 0n },
    { previousSigner: '0x', previousSignerUntil: 0n },
    { previousPin: ZeroHash, previousPinUntil: 0n },
  ];

  const fold = (entry: Entry, [name, , ...args]: Line): Entry => {
    const [first, second, until] = args;
    const previous = until === 0n ? undefined : first;
    switch (name) {
      case 'OperatorAdmitted': {
        const [handle, controller, account, signer, pin, endpoint] = args;
        const fields = { handle, controller, account, signer, pin, endpoint };
        const absent = { pendingController: ZeroAddress, nextPin: ZeroHash, emergencyUntil: 0n };
        return Object.assign({ status: active, ...fields, ...absent }, ...previousOf);
      }
      case 'OperatorSuspended':
        return { ...entry, status: suspended, emergencyUntil: 0n };
      case 'OperatorSuspendedForEmergency':
        // The test reads the state before it lapses.
        return { ...entry, status: suspended, emergencyUntil: first };
      case 'OperatorReinstated':
        return { ...entry, status: active, emergencyUntil: 0n };
      case 'OperatorRetired':
        return { ...entry, status: retired, emergencyUntil: 0n };
      case 'OperatorControllerProposed':
        return { ...entry, pendingController: first };
      case 'OperatorControllerRotated':
        return { ...entry, controller: second, pendingController: ZeroAddress };
      case 'OperatorAccountRotated': {
        const previousAccount = previous ?? ZeroAddress;
        return { ...entry, account: second, previousAccount, previousAccountUntil: until };
      }
      case 'OperatorSignerRotated':
        return { ...entry, signer: second, previousSigner: previous ?? '0x', previousSignerUntil: until };
      case 'OperatorPinRotated': {
        const nextPin = entry['nextPin'] === second ? ZeroHash : entry['nextPin'];
        return { ...entry, pin: second, nextPin, previousPin: previous ?? ZeroHash, previousPinUntil: until };
      }
      case 'OperatorNextPinSet':
        return { ...entry, nextPin: first };
      case 'OperatorOverlapEnded':
        return { ...entry, ...previousOf[Number(first)] };
      case 'OperatorEndpointChanged':
        return { ...entry, endpoint: first };
      default:
        throw new Error(`an event of no operator: ${String(name)}`);
    }
  };

  it('rebuilds every operator and parameter', async () => {
    const { registry, consortium, chain } = scene;
    const { aurora, borealis, stranger } = consortium;
    const [asAurora, asBorealis] = [
      consortium.registryAs(aurora.controller),
      consortium.registryAs(borealis.controller),
    ];
    const key = await chain.wallet('a new key');
    await chain.nextBlockAt(now);
    await receiptOf(asAurora, 'rotateAccount', 1, key.address, now + 1000);
    await receiptOf(asAurora, 'rotateSigner', 1, key.address, now + 1000);
    await receiptOf(asAurora, 'setNextPin', 1, id('next pin'));
    await receiptOf(asAurora, 'rotatePin', 1, id('next pin'), now + 1000);
    await receiptOf(asAurora, 'setNextPin', 1, id('the one after'));
    await receiptOf(asAurora, 'endOverlap', 1, 1);
    await receiptOf(asAurora, 'proposeController', 1, key.address);
    await receiptOf(asBorealis, 'rotatePin', 2, id('pin of borealis'), now + 1000);
    await receiptOf(asBorealis, 'endOverlap', 2, 2);
    await receiptOf(asBorealis, 'rotateAccount', 2, key.address, now + 1000);
    await receiptOf(asBorealis, 'endOverlap', 2, 0);
    await receiptOf(asBorealis, 'rotateSigner', 2, key.address, 0);
    await receiptOf(asBorealis, 'setEndpoint', 2, 'https://moved.example');
    await receiptOf(asBorealis, 'proposeController', 2, key.address);
    await receiptOf(consortium.registryAs(key), 'acceptController', 2);
    const replacement = await chain.wallet('a replaced controller');
    await receiptOf(registry, 'replaceController', 1, replacement.address);
    const controllers = await admitMore(scene, ['delta', 'eos', 'fauna', 'gaia']);
    const asGaia = consortium.registryAs(controllers[3] ?? stranger);
    await receiptOf(asGaia, 'rotateAccount', 7, key.address, 0);
    await receiptOf(asGaia, 'rotatePin', 7, id('another pin of gaia'), 0);
    await receiptOf(registry, 'setGuardian', stranger.address);
    const asGuardian = consortium.registryAs(stranger);
    await receiptOf(asGuardian, 'suspendForEmergency', 4, now + 5000);
    await receiptOf(asGuardian, 'suspendForEmergency', 5, now + 5000);
    await receiptOf(registry, 'reinstate', 5);
    await receiptOf(registry, 'suspend', 1);
    await receiptOf(registry, 'suspend', 2);
    await receiptOf(registry, 'reinstate', 2);
    await receiptOf(registry, 'retire', 3);
    await receiptOf(registry, 'setMaxWindow', 3600);
    await receiptOf(registry, 'setFinality', { mode: 0, depth: 7 });

    const model = new Map<unknown, Entry>();
    const parameters: Record<string, Line> = {};
    const seen = new Set<unknown>();
    for (const line of await logOf('registry')) {
      const [name, operatorId, ...rest] = line;
      seen.add(name);
      if (String(name).startsWith('Operator')) model.set(operatorId, fold(model.get(operatorId) ?? {}, line));
      else parameters[String(name)] = [operatorId, ...rest];
    }
    expect([...model.keys()]).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    for (const [operatorId, entry] of model) {
      expect((await registry.getFunction('operator')(operatorId)).toObject()).toEqual(entry);
    }
    expect(parameters['MaxWindowChanged']?.[1]).toBe(await registry.getFunction('maxWindow')());
    expect(parameters['GuardianChanged']?.[1]).toBe(await registry.getFunction('guardian')());
    expect(parameters['FinalityChanged']).toEqual((await registry.getFunction('finality')()).toArray());
    const declared = registry.interface.fragments.flatMap((fragment) =>
      fragment.type === 'event' && 'name' in fragment ? [fragment.name] : [],
    );
    const unseen = declared.filter((name) => !seen.has(name));
    expect(unseen).toEqual(['OwnershipTransferStarted']);
  });
});

describe('the log of the settlement', () => {
  interface Batch {
    readonly prepared: Line;
    readonly commits: bigint[];
    readonly aborts: bigint[];
    readonly digests: Map<unknown, unknown>;
    end?: unknown;
  }

  const zeros = (count: unknown): bigint[] => Array.from({ length: Math.ceil(Number(count) / 256) }, () => 0n);

  const fold = (batches: Map<unknown, Batch>, [name, batchId, ...args]: Line): void => {
    if (name === 'BatchPrepared') {
      const count = args[4];
      batches.set(batchId, { prepared: args, commits: zeros(count), aborts: zeros(count), digests: new Map() });
      return;
    }
    const batch = batches.get(batchId);
    if (batch === undefined) throw new Error(`${String(name)} of a batch that was not prepared`);
    if (name === 'PairsDecided') {
      const [word, commitMask, abortMask] = args.map((value) => value as bigint);
      const index = Number(word);
      expect((batch.commits[index] ?? 0n) & (commitMask ?? 0n)).toBe(0n);
      batch.commits[index] = (batch.commits[index] ?? 0n) | (commitMask ?? 0n);
      batch.aborts[index] = (batch.aborts[index] ?? 0n) | (abortMask ?? 0n);
    } else if (name === 'BatchAttested') {
      batch.digests.set(args[0], args[1]);
    } else if (name === 'BatchReconciled' || name === 'BatchDiscrepancy' || name === 'BatchResolved') {
      batch.end = name;
    } else if (name !== 'DecisionTooLate') {
      throw new Error(`an event that the model does not know: ${String(name)}`);
    }
  };

  it('rebuilds every batch', async () => {
    const { settlement, consortium, asAurora, asBorealis, asStranger, chain } = scene;
    const whole = await consortium.prepared({ count: 600 });
    const mixed = await consortium.prepared({ sequence: 2, count: 300 });
    const late = await consortium.prepared({ sequence: 3, count: 2, deadline: now - 1 });
    const resolved = await consortium.prepared({ sequence: 4, count: 2, deadline: now - 1 });
    const onUs = await consortium.sign({ initiator: 2, acceptor: 2, count: 1 });
    await receiptOf(asBorealis, 'settle', ...onUs.args, commitAll(onUs));
    await receiptOf(asStranger, 'prepare', ...mixed.args);
    await chain.nextBlockAt(now);
    await receiptOf(asBorealis, 'decide', [
      ...commitAll(whole),
      decision(mixed, 0b0011n, 0b0100n),
      decision(late, 1n),
      decision(mixed, 0b0001n, 0b1100n),
      decision(mixed, 0n, allOf(44), 1),
    ]);
    const [same, other] = [id('executed'), id('something else')];
    await receiptOf(
      asAurora,
      'attest',
      1,
      [whole, late, resolved].map((batch) => attestation(batch, same)),
    );
    await receiptOf(asBorealis, 'attest', 2, [
      attestation(whole, same),
      attestation(late, other),
      attestation(resolved, other),
      attestation(onUs, same),
    ]);
    await receiptOf(asStranger, 'resolve', ...(await consortium.resolution(resolved, id('cleared up'))));
    await chain.nextBlockAt(deadline + 1);
    await receiptOf(asBorealis, 'attest', 2, [attestation(mixed, same)]);

    const model = new Map<unknown, Batch>();
    for (const line of await logOf('settlement')) fold(model, line);
    expect([...model.keys()].sort()).toEqual([whole, mixed, late, resolved, onUs].map(({ batchId }) => batchId).sort());
    const last = new Map<string, unknown>();
    for (const [batchId, { prepared, commits, aborts, digests, end }] of model) {
      const [initiator, acceptor, sequence, deadlineOf, count] = prepared;
      last.set(`${String(initiator)} ${String(acceptor)}`, sequence);
      const outcome = (await settlement.getFunction('batchOutcome')(batchId)).toArray(true);
      expect(outcome).toEqual([true, deadlineOf, count, commits, aborts]);
      for (const operatorId of [1n, 2n, 3n]) {
        const digest = await settlement.getFunction('executedDigestOf')(batchId, operatorId);
        expect(digest).toBe(digests.get(operatorId) ?? ZeroHash);
      }
      const attested = digests.has(initiator) ? 1n : digests.has(acceptor) ? 2n : 0n;
      const ends: Record<string, bigint> = { BatchReconciled: 3n, BatchDiscrepancy: 4n, BatchResolved: 5n };
      const expected = ends[String(end)] ?? attested;
      expect(await settlement.getFunction('reconciliationOf')(batchId)).toBe(expected);
    }
    for (const [lane, sequence] of last) {
      expect(await settlement.getFunction('nextSequence')(...lane.split(' '))).toBe(BigInt(Number(sequence) + 1));
    }
  });
});
