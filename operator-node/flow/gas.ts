/**
 * Whether this node can bring to the chain what it begins. A carrier without money carries nothing, an account without
 * money decides and attests nothing; so before it comes to that, while there is still enough for what is open, nothing new
 * is begun: no order is taken and nobody is asked. Money that arrives ends that by itself. Where the chain asks for nothing
 * no key needs any.
 */
import { formatEther } from 'ethers';
import type { SendingKey, SendingKeys } from '../chain/chain.ts';
import { ceiling, demanded } from '../chain/fees.ts';
import { reserveGas } from '../chain/gas-limits.ts';
import { daysOf, spendingTable, spentPerDay } from '../chain/spending.ts';
import type { FlowContext } from './context.ts';

/** The gas account of one key, in wei. */
export interface KeyGas {
  readonly key: SendingKey;
  readonly address: string;
  readonly balance: bigint;
  /** For what is open and one batch more, at the price of now. */
  readonly needed: bigint;
  /** At the rate of the last 24 hours; undefined while nothing is spent. */
  readonly daysLeft: number | undefined;
}

/** The parts of the flow that it uses. */
export type GasContext = Pick<FlowContext, 'self' | 'engine' | 'open' | 'alarms'>;

const keys = ['carrier', 'account'] as const;

const uses = {
  carrier: 'to carry batches',
  account: 'to decide and to attest',
} as const;

const coins = (wei: bigint): string => `${formatEther(wei)} (${wei} wei)`;

export class Gas {
  readonly #source: SendingKeys;
  readonly #alarmDays: number;
  #keys: readonly KeyGas[] = [];
  #trouble: string | undefined = 'the balances of its keys are not read yet';
  /** Keys that had too little at the last look: enough again is twice as much, so that nothing flaps. */
  readonly #short = new Set<SendingKey>();

  constructor(source: SendingKeys, { alarmDays }: { readonly alarmDays: number }) {
    this.#source = source;
    this.#alarmDays = alarmDays;
  }

  /** Why nothing new is begun; undefined: it is. In words for `/readyz`. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** As last looked. */
  get keys(): readonly KeyGas[] {
    return this.#keys;
  }

  /** At what is known now; called when a balance or a price was read, and by the clock. */
  look(flow: GasContext): void {
    const found: KeyGas[] = [];
    const troubles: string[] = [];
    for (const key of keys) {
      const seen = this.#lookAt(flow, key);
      if (seen === undefined) continue;
      found.push(seen.gas);
      if (seen.trouble !== undefined) troubles.push(seen.trouble);
    }
    this.#keys = found;
    if (found.length < keys.length) troubles.unshift('the balances of its keys are not read yet');
    const [first] = found;
    const asked = first === undefined ? undefined : this.#source.money(first.key)?.asked;
    if (asked !== undefined && asked.baseFee > this.#source.feeCap) {
      troubles.push(`the chain asks ${asked.baseFee} wei a unit of gas, more than gas.feeCapGwei allows`);
    }
    for (const { key, address, stuck } of this.#source.status) {
      flow.alarms.set('transaction-stuck', stuck !== undefined, { key, address, ...stuck }, key);
      if (stuck === undefined) continue;
      troubles.push(`the next transaction of the ${key} key has been in none of ${stuck.blocks} blocks: see its alarm`);
    }
    this.#trouble = troubles.length === 0 ? undefined : troubles.join('; ');
  }

  #lookAt(flow: GasContext, key: SendingKey): { readonly gas: KeyGas; readonly trouble?: string } | undefined {
    const money = this.#source.money(key);
    if (money === undefined) return undefined;
    const { address, balance, owed, asked } = money;
    const refused = this.#source.status.some((status) => status.key === key && status.troubles.length > 0);
    const price = refused ? ceiling(asked.offer) : demanded(asked);
    const reserve = price * reserveOf(flow, key);
    // What was priced before the chain asked for nothing is priced anew when it is refused.
    const least = price === 0n ? 0n : owed + reserve;
    const needed = this.#short.has(key) ? least + reserve : least;
    const short = balance < needed;
    if (short) this.#short.add(key);
    else this.#short.delete(key);
    const { engine } = flow;
    const spending = engine.newest.get(spendingTable, address);
    const perDay = spending === undefined ? undefined : spentPerDay(spending, engine.clock.now());
    const daysLeft = price === 0n ? undefined : daysOf(balance, perDay);
    const facts = { key, address, balanceWei: balance.toString(), neededWei: needed.toString() };
    flow.alarms.set('gas-empty', short, facts, key);
    const low = daysLeft !== undefined && daysLeft < this.#alarmDays;
    flow.alarms.set('gas-low', low, { ...facts, daysLeft: daysLeft ?? 0 }, key);
    const gas = { key, address, balance, needed, daysLeft };
    if (!short) return { gas };
    const trouble = `the ${key} key ${address} has ${coins(balance)} and needs ${coins(needed)} of the chain's currency ${uses[key]}: send it some`;
    return { gas, trouble };
  }
}

/** In gas: for what is open, and one batch more. */
function reserveOf({ self, open }: GasContext, key: SendingKey): bigint {
  let [carried, decided, attested] = [1n, 1n, 1n];
  for (const { role, peer } of open.allBatches()) {
    if (role === 'initiator') carried += 1n;
    else decided += 1n;
    // On us the initiator's record attests.
    if (role === 'initiator' || peer !== self) attested += 1n;
  }
  if (key === 'carrier') return carried * reserveGas.carry;
  return decided * reserveGas.decide + attested * reserveGas.attest;
}
