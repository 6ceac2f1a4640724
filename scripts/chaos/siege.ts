/**
 * A hostile member of a chaos run: with the real keys of one operator it sends what the contracts take and what they do
 * not, and on the channel what the schemas take and what they do not, until the storm is over.
 */
import { readinessOf } from '../../operator-node/api/client.ts';
import { randomBytes, randomInt } from 'node:crypto';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AlarmView } from '../../operator-node/alarms/alarms.ts';
import type { Layout, OperatorLayout } from '../devnet/layout.ts';
import type { Chance } from './chance.ts';
import type { Member } from './member.ts';
import type { ChaosNet } from './net.ts';
import { ofTheFaults } from './outcomes.ts';
import type { Story } from './story.ts';

export interface SiegeOptions {
  readonly member: Member;
  readonly place: Layout;
  readonly chance: Chance;
  readonly story: Story;
}

const pauseMillis = { least: 100, most: 900 };
const answerMillis = 5_000;
const farAbove = 65_536n;
/** What an endpoint may be by the contract, and is no address of anybody. */
const endpoints = ['', 'not an address', 'https://127.0.0.1:1', 'file:///etc/passwd', `https://${'a'.repeat(200)}`];

export class Siege {
  readonly #options: SiegeOptions;
  readonly #victims: readonly OperatorLayout[];
  #over = false;
  #running: Promise<void> = Promise.resolve();
  acts = 0;

  get id(): number {
    return this.#options.member.id;
  }

  constructor(options: SiegeOptions) {
    this.#options = options;
    this.#victims = options.place.operators.filter(({ id }) => id !== options.member.id);
  }

  begin(): void {
    this.#running = this.#go();
  }

  /** Resolves when nothing of it is under way; what it has put on the chain stays. */
  async end(): Promise<void> {
    this.#over = true;
    await this.#running;
    this.#options.member.close();
  }

  async #go(): Promise<void> {
    const { chance, member, story } = this.#options;
    const acts = Object.entries(this.#acts());
    while (!this.#over) {
      const [name, act] = chance.pick(acts);
      story.fault(`hostile: ${name}`, `${member.handle}: ${name}`);
      // What is refused was tried: that is all there is to it.
      await act().catch(() => undefined);
      this.acts += 1;
      await sleep(chance.between(pauseMillis.least, pauseMillis.most));
    }
  }

  #acts(): Readonly<Record<string, () => Promise<unknown>>> {
    const { member } = this.#options;
    const { id } = member;
    const bytes = (length: number): string => `0x${randomBytes(length).toString('hex')}`;
    const registry = (method: string, ...args: readonly unknown[]) =>
      member.call('controller', ['OperatorRegistry', method], [id, ...args], { forced: true });
    return {
      'a journal head far ahead': async () => {
        const { entry } = (await member.ask(['AuditLog', 'lastCheckpoint'], id)) as { readonly entry: bigint };
        return member.call('account', ['AuditLog', 'checkpoint'], [id, entry + farAbove, bytes(32)], { forced: true });
      },
      'a journal head at the end of its type': () =>
        member.call('account', ['AuditLog', 'checkpoint'], [id, 2n ** 64n - 1n, bytes(32)], { forced: true }),
      'an endpoint that is none': () => registry('setEndpoint', this.#options.chance.pick(endpoints)),
      'an endpoint that is no text': () => this.#rawEndpoint(),
      'the pin of somebody else': async () => {
        const victim = this.#options.chance.pick(this.#victims);
        const { pin } = (await member.ask(['OperatorRegistry', 'operator'], victim.id)) as { readonly pin: string };
        return registry('setNextPin', pin);
      },
      'a signer of many bytes': () => registry('rotateSigner', bytes(this.#options.chance.between(20, 200)), 0),
      'support for an emergency': () =>
        member.call(
          'controller',
          ['ConsortiumGovernor', 'supportEmergency'],
          [this.#options.chance.pick(this.#victims).id],
        ),
      'an attestation of nothing': () =>
        member.call('account', ['PairSettlement', 'attest'], [id, [[bytes(32), bytes(32)]]], { forced: true }),
      'a text in somebody else’s name': () => this.#forward(),
      'a body of nothing but names': () => this.#post('propose', `{${namesOf(200_000)}}`),
      'a body that is nested without end': () => this.#post('offer', '['.repeat(500_000)),
      'connections that say nothing': () => this.#silentConnections(),
    };
  }

  /** The text's bytes are replaced behind the encoder, which takes none that are no UTF-8. */
  #rawEndpoint(): Promise<unknown> {
    const { member } = this.#options;
    const to = member.contractAddress('OperatorRegistry');
    const id = member.id.toString(16).padStart(64, '0');
    const data = `0x${setEndpointSelector}${id}${'40'.padStart(64, '0')}${'2'.padStart(64, '0')}${'fffe'.padEnd(64, '0')}`;
    return member.send('controller', { to, data, gasLimit: 1_000_000n });
  }

  #forward(): Promise<unknown> {
    const [victim, other] = [this.#options.chance.pick(this.#victims), this.#options.chance.pick(this.#victims)];
    const message = {
      id: `siege-${randomInt(2 ** 40)}`,
      from: other.serviceNumber,
      to: victim.serviceNumber,
      text: '\u001b[2J\u202eYour bank: reply YES 1234',
    };
    return this.#post('forward', JSON.stringify(message), victim);
  }

  async #post(method: string, body: string, victim = this.#options.chance.pick(this.#victims)): Promise<unknown> {
    const { member } = this.#options;
    return new Promise((resolve) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: victim.channelPort,
          path: `/tandem/v1/${method}`,
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'tandem-version': '1',
            'tandem-from': `${member.id}`,
            'tandem-to': `${victim.id}`,
          },
          ...member.tls,
          // The other end is whom it attacks: whose certificate that is, it does not ask.
          rejectUnauthorized: false,
          timeout: answerMillis,
          agent: false,
        },
        (answer) => {
          answer.resume();
          answer.on('close', () => resolve(answer.statusCode));
        },
      );
      outgoing.on('timeout', () => outgoing.destroy());
      outgoing.on('error', resolve);
      outgoing.end(body);
    });
  }

  async #silentConnections(): Promise<void> {
    const { connect } = await import('node:net');
    const { chance } = this.#options;
    const sockets = Array.from({ length: 200 }, () =>
      connect({ host: '127.0.0.1', port: chance.pick(this.#victims).channelPort }).on('error', () => undefined),
    );
    await sleep(1_000);
    for (const socket of sockets) socket.destroy();
  }
}

const namesOf = (count: number): string => Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',');

/** First four bytes of keccak-256 of `setEndpoint(uint32,string)`; a test derives it again. */
export const setEndpointSelector = '24454062';

/** Whom an alarm is about: an operator by its number, wherever it stands. */
const named = ({ subject, facts }: AlarmView): readonly string[] =>
  [subject, facts['peer'], facts['operator'], facts['by']].map((name) => String(name ?? '').replace(/^operator /, ''));

/** What the others say of themselves after a siege: ready, and that it was this operator and nobody else. */
export async function whoIsBlamed(net: ChaosNet, hostile: number): Promise<readonly string[]> {
  const problems: string[] = [];
  let naming = 0;
  for (const handle of net.handles) {
    // Past the proxies: the doctor reads a whole store, and takes longer than a gateway waits.
    const client = net.devnet.clients.get(handle);
    if (client === undefined) throw new Error(`no operator ${handle}`);
    const readiness = await readinessOf(client);
    if (readiness?.ready !== true) problems.push(`${handle} is not ready: ${JSON.stringify(readiness?.checks)}`);
    for (const alarm of (await client.alarms()).alarms) {
      if (named(alarm).includes(`${hostile}`)) naming += 1;
      else if (!ofTheFaults.has(alarm.code)) {
        problems.push(`${handle}: alarm ${alarm.code} about ${alarm.subject}: ${JSON.stringify(alarm.facts)}`);
      }
    }
    for (const { says } of (await client.doctor()).findings) {
      // An endpoint that was told to misbehave stays named until the same question is asked again.
      const endpoint = net.endpoints.length > 0 && says.startsWith('RPC endpoint');
      const about = new RegExp(`[Oo]perator ${hostile}\\b`).test(says);
      if (!endpoint && !about) problems.push(`${handle}: doctor: ${says}`);
    }
  }
  if (naming === 0) problems.push(`no alarm of anybody names operator ${hostile}`);
  return problems;
}
