/** I5 and I6 as the users see them: each message has one effect and each pair one end, told once, and true. */
import type { PairSide } from '../../operator-node/flow/pair.ts';
import type { Gateway } from './gateway.ts';
import type { Act } from './load.ts';
import type { Problems } from './outcomes.ts';
import type { StoredNode } from './stores.ts';
import { isPending, questionCode, saysDone } from './words.ts';

type Nodes = readonly StoredNode[];

const nodeOf = (nodes: Nodes, handle: string): StoredNode => {
  const node = nodes.find((each) => each.handle === handle);
  if (node === undefined) throw new Error(`no node ${handle}`);
  return node;
};

/** I5: a 202 was durable, and nothing else was taken. */
export function accepted(nodes: Nodes, gateway: Gateway): Problems {
  const problems: Problems = [...gateway.problems];
  for (const { operator, message, disposition } of gateway.sent.values()) {
    const stored = nodeOf(nodes, operator).inbound.get(message.id)?.disposition;
    if (stored !== disposition) {
      problems.push(
        `${message.id} "${message.text}" was answered ${disposition ?? 'nothing'}; stored is ${stored ?? 'nothing'}`,
      );
    }
  }
  for (const { handle, inbound } of nodes) {
    for (const id of inbound.keys())
      if (!gateway.sent.has(id)) problems.push(`${handle} has a message ${id} that nobody sent`);
  }
  return problems;
}

const initiated = ({ side }: PairSide): boolean => side.role === 'initiator';

/** I6: an order that was taken became one pair; any other, none. */
export function oneResult(nodes: Nodes, acts: readonly Act[]): Problems {
  const problems: Problems = [];
  const byNote = new Map<string, number>();
  const bought = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string, by: number): void =>
    void counts.set(key, (counts.get(key) ?? 0) + by);
  for (const { sides } of nodes) {
    for (const found of sides.values()) {
      if (!initiated(found)) continue;
      const { service, note, userNumber, otherNumber } = found.side;
      if (service === 'buy') add(bought, `${userNumber} of ${otherNumber}`, 1);
      else add(byNote, note, 1);
    }
  }
  for (const { kind, note, sent } of acts) {
    const taken = sent.disposition === 'intercepted' ? 1 : 0;
    if (kind === 'buy') add(bought, `${sent.message.from} of ${sent.message.to}`, -taken);
    if (note === undefined) continue;
    const pairs = byNote.get(note) ?? 0;
    byNote.delete(note);
    if (pairs !== taken)
      problems.push(`"${sent.message.text}" was ${sent.disposition ?? 'lost'} and became ${pairs} pairs`);
  }
  for (const [note, pairs] of byNote) problems.push(`${pairs} pairs have the note "${note}", which nobody wrote`);
  for (const [who, more] of bought)
    if (more !== 0) problems.push(`purchases of ${who}: ${more} more pairs than orders`);
  return problems;
}

/** Words about the end of a pair, by pair and addressee. */
function results(gateway: Gateway): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { operator, message } of gateway.told) {
    const { pair, text, to } = message;
    if (pair === undefined || isPending(text) || questionCode(text) !== undefined) continue;
    const key = `${operator} ${pair} ${to}`;
    found.set(key, [...(found.get(key) ?? []), text]);
  }
  return found;
}

/** I6: whoever ordered or was asked is told the end once, and it is the true one. */
export function toldOnce(nodes: Nodes, gateway: Gateway): Problems {
  const problems: Problems = [];
  const told = results(gateway);
  for (const { handle, sides } of nodes) {
    for (const [key, { side, state }] of sides) {
      const name = `${handle} ${side.pair} ${side.userNumber}`;
      const words = told.get(name) ?? [];
      told.delete(name);
      const done = state.state === 'committed';
      // An acceptor's user who was never asked, or whose yes could not be held, hears no end.
      const owed = side.role === 'initiator' || done || (state.asked && state.reason !== 'not-held') ? 1 : 0;
      const said = JSON.stringify(words);
      if (words.length !== owed)
        problems.push(`${handle}: ${key} (${state.state}, ${state.reason ?? ''}) was told ${said}`);
      else if (words.some((text) => saysDone(text) !== done))
        problems.push(`${handle}: ${key} is ${state.state}, told was ${said}`);
    }
  }
  for (const [name, words] of told)
    problems.push(`${name} was told of a pair that is not stored: ${JSON.stringify(words)}`);
  return problems;
}

/** I5: what was told is in the journal, word for word; what the journal says was taken has arrived. */
export function journaled(nodes: Nodes, gateway: Gateway): Problems {
  const problems: Problems = [];
  const arrived = new Set(gateway.told.map(({ operator, message }) => `${operator} ${message.id}`));
  for (const { handle, journal } of nodes) {
    const texts = new Map<string, number>();
    const receipted = new Set<string>();
    for (const { kind, payload = {} } of journal) {
      if (kind === 'receipt') for (const id of payload['messages'] as string[]) receipted.add(id);
      if (kind !== 'question' && kind !== 'confirmation') continue;
      const key = JSON.stringify([payload['pair'], payload['to'], payload['text']]);
      texts.set(key, (texts.get(key) ?? 0) + 1);
    }
    for (const { operator, message } of gateway.told) {
      // Passed on for another operator: kept nowhere.
      if (operator !== handle || /^\d+-/.test(message.id)) continue;
      if (!receipted.has(message.id)) problems.push(`${handle}: message ${message.id} arrived and has no receipt`);
      if (message.pair === undefined) continue;
      const key = JSON.stringify([message.pair, message.to, message.text]);
      const left = texts.get(key) ?? 0;
      if (left === 0) problems.push(`${handle} told what is not in its journal: ${key}`);
      texts.set(key, left - 1);
    }
    for (const id of receipted) {
      if (!arrived.has(`${handle} ${id}`)) problems.push(`${handle} has a receipt for ${id}, which never arrived`);
    }
    for (const [key, left] of texts) if (left > 0) problems.push(`${handle}: journaled and never told: ${key}`);
  }
  return problems;
}

/** A no that was taken is kept: such a pair is never committed unless the same user's yes was taken before. */
export function answersKept(nodes: Nodes, acts: readonly Act[]): Problems {
  const problems: Problems = [];
  const answers = new Map<string, Act[]>();
  for (const act of acts) {
    if (act.kind !== 'answer' || act.pair === undefined || act.sent.disposition !== 'intercepted') continue;
    answers.set(act.pair, [...(answers.get(act.pair) ?? []), act]);
  }
  for (const { handle, sides, users } of nodes) {
    for (const { side, state } of sides.values()) {
      if (side.role !== 'acceptor') continue;
      const taken = answers.get(side.pair) ?? [];
      const said = taken.map(({ sent }) => sent.message.text);
      const yes = said.some((text) => text.startsWith('YES'));
      const automatic = users.get(side.user)?.autoAccept === true && !side.debits;
      if (state.state === 'committed' && !yes && !automatic) {
        problems.push(`${handle}: ${side.pair} is committed; its user said ${said.join(', ') || 'nothing'}`);
      }
      if (taken.length > 1) problems.push(`${handle}: ${side.pair} took more than one answer: ${said.join(', ')}`);
    }
  }
  return problems;
}

/** Plain messages arrive once, as they were written. */
export function passedOn(acts: readonly Act[], gateway: Gateway): Problems {
  const problems: Problems = [];
  const arrived = new Map<string, number>();
  for (const { message } of gateway.told) {
    const original = /^\d+-(.+)$/.exec(message.id)?.[1];
    if (original === undefined) continue;
    arrived.set(`${original} ${message.text}`, (arrived.get(`${original} ${message.text}`) ?? 0) + 1);
  }
  for (const { kind, sent } of acts) {
    if (kind !== 'plain') continue;
    const count = arrived.get(`${sent.message.id} ${sent.message.text}`) ?? 0;
    if (count !== 1 || sent.disposition !== 'forwarded') {
      problems.push(`"${sent.message.text}" was ${sent.disposition ?? 'lost'} and arrived ${count} times`);
    }
  }
  return problems;
}
