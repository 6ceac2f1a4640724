/**
 * A part that does nothing useful with everything that a part can have: staff notes a number, the peer is asked for its
 * double in a method of their own, and a transaction says on the chain that there was one.
 */
import { z } from 'zod';
import { json, route, routeGroup } from '../../../operator-node/api/route.ts';
import { emptyCall } from '../../../operator-node/chain/calls.ts';
import { duty, type Duty } from '../../../operator-node/chain/duties.ts';
import type { FlowContext } from '../../../operator-node/flow/context.ts';
import { peerQueue } from '../../../operator-node/flow/flow-part.ts';
import type { OperatorId } from '../../../operator-node/model/ids.ts';
import { ownMethod, queue, type Part } from '../../../operator-node/parts/part.ts';
import { table } from '../../../operator-node/store/store.ts';

interface Note {
  readonly number: number;
  /** As the peer says. */
  readonly doubled?: number;
  /** A transaction for it is in a final block. */
  readonly anchored?: true;
}

const toyTable = table<Note>('toy');

interface ToyItem {
  readonly peer: OperatorId;
  readonly number: number;
}

const note = z.strictObject({
  number: z.number().int(),
  doubled: z.number().optional(),
  anchored: z.boolean().optional(),
});
const size = { bytes: 1024, marks: 8, depth: 1 };

const double = ownMethod(
  'double',
  {
    request: z.strictObject({ number: z.number().int() }),
    answer: z.strictObject({ doubled: z.number().int() }),
    size: { request: size, answer: size },
  },
  async (_from, { number }) => ({ doubled: 2 * number }),
);

async function askPeer({ engine, channel }: FlowContext, { peer, number }: ToyItem): Promise<void> {
  const { doubled } = await double.ask(channel, peer, { number });
  await engine.run((work) => {
    work.done('toy', String(number));
    work.put(toyTable, String(number), { ...work.get(toyTable, String(number)), number, doubled });
  });
}

/** In memory, made of the store at start. */
class Notes {
  readonly #all = new Map<string, Note>();

  is(key: string, value: Note | undefined): void {
    if (value !== undefined) this.#all.set(key, value);
  }

  get all(): readonly Note[] {
    return [...this.#all.values()];
  }
}

function anchorDuty({ engine }: FlowContext, notes: Notes, account: string): Duty {
  const sent = new Map<string, string>();
  const due = () => notes.all.filter(({ anchored }) => anchored === undefined);
  return duty<{ readonly number: number }>({
    name: 'toy',
    key: 'account',
    due: (_, gate) => due().some(({ number }) => gate.free(String(number))),
    *orders(_, gate) {
      for (const { number } of due()) {
        if (gate.free(String(number))) yield { item: { number }, call: emptyCall(account) };
      }
    },
    subjects: ({ number }) => [String(number)],
    taken({ number }, tag) {
      sent.set(tag, String(number));
    },
    freed(tag) {
      const key = sent.get(tag) ?? '';
      // It is told inside the sender's own write.
      engine.clock.after(0, () => {
        void engine.run((work) => {
          const known = work.get(toyTable, key);
          if (known !== undefined) work.put(toyTable, key, { ...known, anchored: true });
        });
      });
    },
  });
}

const routesOf = (flow: FlowContext, notes: Notes, peer: OperatorId) =>
  routeGroup<FlowContext>(
    'toy',
    {
      toyNotes: route({
        method: 'get',
        path: '/v1/toy',
        token: 'admin',
        summary: 'All notes.',
        answers: { 200: json('As they are now.', z.strictObject({ notes: z.array(note) })) },
        refusals: [],
        run: async () => ({ notes: notes.all }),
      }),
      toyNote: route({
        method: 'post',
        path: '/v1/toy',
        token: 'admin',
        summary: 'Notes a number.',
        body: z.strictObject({ number: z.number().int() }),
        answers: { 200: json('The note.', note) },
        refusals: [],
        run: async ({ engine }: FlowContext, { body: { number } }) =>
          engine.run((work) => {
            work.put(toyTable, String(number), { number });
            const item: ToyItem = { peer, number };
            work.enqueue('toy', String(number), item);
            return { number };
          }),
      }),
    },
    flow,
  );

/** @param account where this operator's transactions say so */
export const toyPart =
  (account: string, peer: OperatorId) =>
  (flow: FlowContext): Part => {
    const notes = new Notes();
    return {
      name: 'toy',
      tables: [toyTable],
      queues: [
        queue<ToyItem>('toy', { ...peerQueue, maxGroup: 1 }, async (group) => {
          for (const [, item] of group) await askPeer(flow, item);
        }),
      ],
      peerMethods: [double],
      duties: [anchorDuty(flow, notes, account)],
      gauges: [{ name: 'toy_notes', help: 'Numbers that were noted.', read: () => notes.all.length }],
      routes: [routesOf(flow, notes, peer)],
      follow() {
        flow.engine.follow(toyTable, (key, value) => {
          notes.is(key, value);
        });
      },
      async load() {
        for await (const [key, value] of flow.engine.store.scan(toyTable)) notes.is(key, value);
      },
    };
  };
