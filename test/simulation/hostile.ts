/**
 * A member of the consortium that uses everything it has against the others: what the contracts let its keys write, at
 * the ends of each type, and more than they would; lies and extremes in each message; the numbers of other people. Its
 * logs and its entry in the registry are bytes that the node's own decoder reads.
 */
import type { EventFragment } from 'ethers';
import { AbiCoder } from 'ethers';
import {
  auditLogInterface,
  decodeLog,
  registryInterface,
  settlementInterface,
} from '../../operator-node/chain/decode.ts';
import { decodeOperator } from '../../operator-node/chain/decode-operator.ts';
import type { ChainLog, OperatorEntry } from '../../operator-node/chain/chain.ts';
import type { RpcLog } from '../../operator-node/chain/wire.ts';
import type { Hash, Hex, OperatorId } from '../../operator-node/model/ids.ts';
import type { Network } from '../../operator-node/model/records.ts';
import { encodeFields, encodeStruct, extremesOf, fieldsOf, hexOf, plainOf } from '../node/extremes/values.ts';
import { auditLogDomain } from './chain/audit-log.ts';
import type { Call, RegistryEntry } from './chain/contract.ts';
import type { ModelBlock } from './chain/model-chain.ts';
import { settlementAddress } from './chain/notary.ts';
import type { LieName } from './lies.ts';
import { numberOf } from './setting.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { World } from './world.ts';

const contracts: Network['contracts'] = {
  OperatorRegistry: `0x${'0e'.repeat(20)}`,
  PairSettlement: settlementAddress,
  AuditLog: auditLogDomain.contract,
};

/**
 * Events that one member alone can bring about, with the fields that say who: what names another operator needs that
 * operator's signature, and the contracts ask for it.
 */
const itsEvents = [
  { contract: auditLogInterface, address: contracts.AuditLog ?? '', event: 'JournalCheckpoint' },
  { contract: auditLogInterface, address: contracts.AuditLog ?? '', event: 'DisclosureAnswered' },
  { contract: settlementInterface, address: contracts.PairSettlement, event: 'BatchPrepared' },
  { contract: settlementInterface, address: contracts.PairSettlement, event: 'BatchAttested' },
  { contract: settlementInterface, address: contracts.PairSettlement, event: 'BatchReconciled' },
  { contract: settlementInterface, address: contracts.PairSettlement, event: 'DecisionTooLate' },
  ...registryInterface.fragments.flatMap((fragment) =>
    fragment.type === 'event' && (fragment as EventFragment).name.startsWith('Operator')
      ? [{ contract: registryInterface, address: contracts.OperatorRegistry, event: (fragment as EventFragment).name }]
      : [],
  ),
] as const;

const whoFields: ReadonlySet<string> = new Set(['operatorId', 'initiator', 'acceptor']);
const operatorFields = fieldsOf(registryInterface.getFunction('operator')?.outputs[0]?.components ?? []);

const lies: readonly LieName[] = [
  'lie-extreme',
  'lie-extreme',
  'lie-two-contents',
  'lie-two-batches',
  'lie-commitment',
  'lie-forged',
  'lie-count',
  'lie-pair-twice',
  'lie-pair-again',
  'lie-late-anchor',
  'lie-no-decision',
  'lie-denial',
];

/** What its entry looks like changes once in so many blocks. */
const entryBlocks = 24;

const word = (value: number | bigint): Uint8Array =>
  Buffer.from(AbiCoder.defaultAbiCoder().encode(['uint256'], [value]).slice(2), 'hex');
const padded = (value: string): Uint8Array => Buffer.from(value.slice(2).padStart(64, '0'), 'hex');

export class HostileMember {
  readonly operator: OperatorId;
  readonly #world: World;
  readonly #node: SimulatedNode;
  readonly #logs = new WeakMap<ModelBlock, readonly RpcLog[]>();
  readonly #entries = new WeakMap<ModelBlock, OperatorEntry>();
  #acting = false;
  #forwarded = 0;

  constructor(world: World, node: SimulatedNode) {
    this.#world = world;
    this.#node = node;
    this.operator = node.operator;
  }

  begin(): void {
    const { time, chance } = this.#world;
    this.#acting = true;
    this.#world.monitor.liars.add(this.operator);
    const act = (): void => {
      if (!this.#acting) return;
      this.#onChain();
      this.#onChannel();
      this.#lieAnew();
      time.after(chance.between(300, 3_000), act);
    };
    act();
  }

  /** It stops sending; what it has put on the chain stays. */
  end(): void {
    this.#acting = false;
    for (const victim of this.#victims()) this.#world.lieNoMore(this.#node, this.#world.node(victim));
    this.#node.holdsBackMillis = 0;
    this.#node.chain.swallowed = 0;
  }

  #victims(): readonly OperatorId[] {
    return this.#world.operators.filter((operator) => operator !== this.operator);
  }

  // ---- with its account and its signer, what the contracts take

  #onChain(): void {
    const { chance, chain } = this.#world;
    const { state } = chain.newest;
    const hash = (): Hash => `0x${Buffer.from(chance.bytes(32)).toString('hex')}` as Hash;
    const last = state.lastCheckpoint(this.operator)?.entry ?? 0;
    const head = (entry: number): Call => ({ name: 'checkpoint', operator: this.operator, entry, head: hash() });
    const own = [...state.headers].filter(([, { initiator, acceptor }]) =>
      [initiator, acceptor].includes(this.operator),
    );
    const attestations = own.slice(-8).map(([batchId]) => ({ batchId, executedDigest: hash() }));
    const calls: readonly Call[] = [
      head(last + 1),
      head(last + 65_536),
      head(Number.MAX_SAFE_INTEGER),
      { name: 'multicall', calls: [head(last + 65_536), head(last + 131_072)] },
      { name: 'disownHeads', operator: this.operator, entry: last },
      { name: 'attest', operator: this.operator, attestations },
      { name: 'answer', operator: this.operator, request: chance.between(0, 2), handedOver: hash() },
      { name: 'nothing' },
    ];
    if (chance.happens(0.25)) this.#world.stealAccount(this.#node);
    else this.#world.asMember(this.#node, chance.pick(calls));
  }

  // ---- with its TLS key

  #onChannel(): void {
    const { chance } = this.#world;
    const process = this.#node.serving;
    if (process === undefined) return;
    const [victim, other] = [chance.pick(this.#victims()), chance.pick(this.#victims())];
    this.#forwarded += 1;
    // With somebody else's number, or with one that nobody has.
    const from = chance.pick([numberOf(other, 1), numberOf(9, 99), numberOf(this.operator, 1)]);
    const request = {
      id: `hostile-${this.#forwarded}`,
      from,
      to: numberOf(victim, 2),
      text: '\u001b[2J\u202eYES 1234',
    };
    process.node.flow.channel.call(victim, 'forward', request).then(
      () => undefined,
      () => undefined,
    );
  }

  #lieAnew(): void {
    const { chance } = this.#world;
    const victim = this.#world.node(chance.pick(this.#victims()));
    if (chance.happens(0.3)) this.#world.lieNoMore(this.#node, victim);
    else this.#world.lie(chance.pick(lies), this.#node, victim);
  }

  // ---- what is read of it

  /** Its logs of that block, as `self` reads them. */
  logsOf(block: ModelBlock, self: OperatorId): readonly ChainLog[] {
    return this.#rawLogs(block).flatMap((log) => decodeLog(log, contracts, self) ?? []);
  }

  #rawLogs(block: ModelBlock): readonly RpcLog[] {
    const known = this.#logs.get(block);
    if (known !== undefined) return known;
    const chance = this.#world.chance.fork(`logs of ${block.hash}`);
    const count = chance.happens(0.6) ? chance.between(1, 3) : 0;
    const logs = Array.from({ length: count }, (_, index): RpcLog => {
      const { contract, address, event: name } = chance.pick(itsEvents);
      const event = contract.getEvent(name);
      if (event === null) throw new Error(`the contracts have no event ${name}`);
      const bytes = new Map(
        fieldsOf(event.inputs).map((field) => [
          field.name,
          whoFields.has(field.name) ? word(this.operator) : chance.pick(extremesOf(field.type)).bytes,
        ]),
      );
      const indexed = event.inputs.filter(({ indexed: is }) => is === true);
      const rest = fieldsOf(event.inputs.filter(({ indexed: is }) => is !== true));
      return {
        address,
        topics: [
          event.topicHash as Hash,
          ...indexed.map(({ name: field }) => hexOf(bytes.get(field) ?? word(0)) as Hash),
        ],
        data: hexOf(encodeFields(rest, bytes)) as Hex,
        blockHash: block.hash,
        transactionHash: `0x${Buffer.from(chance.bytes(32)).toString('hex')}` as Hash,
        logIndex: block.logs.length + index,
      };
    });
    this.#logs.set(block, logs);
    return logs;
  }

  /** Its entry in the registry at that block: what the model has, with some fields at their ends. */
  entryOf(block: ModelBlock, entry: RegistryEntry): OperatorEntry {
    const known = this.#entries.get(block);
    if (known !== undefined) return known;
    // The same for so many blocks: what cannot be read in it stays so for longer than others may be blind.
    const chance = this.#world.chance.fork(`entry of ${Math.floor(block.number / entryBlocks)}`);
    const bytes = new Map<string, Uint8Array>([
      ['status', word(1)],
      ['controller', padded(entry.controller)],
      ['account', padded(entry.account)],
      ['signer', Buffer.from(entry.signer.slice(2), 'hex')],
      ['previousAccountUntil', word(0)],
      ['previousSignerUntil', word(0)],
      ['previousPinUntil', word(0)],
      ['emergencyUntil', word(0)],
    ]);
    for (let changes = chance.between(0, 4); changes > 0; changes -= 1) {
      const field = chance.pick(operatorFields);
      bytes.set(field.name, chance.pick(extremesOf(field.type)).bytes);
    }
    for (const field of operatorFields) if (!bytes.has(field.name)) bytes.set(field.name, plainOf(field));
    const data = hexOf(encodeStruct(operatorFields, bytes)) as Hex;
    const read = decodeOperator(this.operator, data, block.timestamp);
    this.#entries.set(block, read);
    return read;
  }
}
