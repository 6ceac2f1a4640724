/** For whoever helps a caller: pairs found by what the caller knows, and what happened to one of them. */
import { z } from 'zod';
import { findSides, type Filters } from '../care/find.ts';
import { happenings, storyOf, type SideStory } from '../care/story.ts';
import { sidesOf, sideStates, type PairSide } from '../flow/pair.ts';
import { toTimestamp, type UnixMillis } from '../model/ids.ts';
import { missing, type ApiNode } from './api-node.ts';
import {
  amount,
  asset,
  batchId,
  blockNumber,
  byPair,
  format,
  leafIndex,
  msisdn,
  operatorId,
  pairId,
  positiveAmount,
  prose,
  timestamp,
} from './common-fields.ts';
import { json, route, type Shown } from './route.ts';

const ref = format<string>(/^[A-Z][A-Z2-9]{3}$/, 'a reference as messages name it, four capitals', 'ESFM');

/** One side of a pair; texts are empty where its user is erased. */
const sideView = z.strictObject({
  pair: pairId,
  leg: z.enum(['first', 'second']),
  role: z.enum(['initiator', 'acceptor']),
  state: z.enum(sideStates),
  reason: z.string().optional(),
  service: z.string(),
  asset,
  amount,
  ref: z.string().meta({ description: 'By which this side’s user names the pair.' }),
  user: z.strictObject({ number: z.string(), name: z.string() }),
  other: z.strictObject({ number: z.string(), name: z.string(), operator: operatorId }),
  note: z.string(),
  begun: timestamp,
  deadline: timestamp,
  batchId: z.string().optional(),
  index: leafIndex.optional(),
  told: z.boolean().meta({ description: 'The user has been told how it ended.' }),
});
export type SideView = Shown<typeof sideView>;

const viewOf = ({ side, state }: PairSide): SideView => ({
  pair: side.pair,
  leg: side.leg,
  role: side.role,
  state: state.state,
  ...(state.reason === undefined ? {} : { reason: state.reason }),
  service: side.service,
  asset: side.operation.asset,
  amount: side.operation.amount,
  ref: side.ref,
  user: { number: side.userNumber, name: side.userName },
  other: { number: side.otherNumber, name: side.otherName, operator: side.peer },
  note: side.item === '' ? side.note : side.item,
  begun: toTimestamp(side.heldAt),
  deadline: toTimestamp(side.deadline * 1000),
  ...(state.batch === undefined ? {} : { batchId: state.batch }),
  ...(state.index === undefined ? {} : { index: state.index }),
  told: state.told,
});

const happening = z.strictObject({
  at: timestamp,
  what: z.enum(happenings),
  text: z.string().optional().meta({ description: 'As it was written or sent; absent where it is erased.' }),
  block: blockNumber.optional(),
});

const story = z.strictObject({
  pair: pairId,
  sides: z.array(
    z.strictObject({
      side: sideView,
      happened: z.array(happening).meta({ description: 'In the order of time.' }),
      why: z.string().optional().meta({ description: 'Of what came to nothing, to be read to the user.' }),
      next: z
        .strictObject({
          step: z.string(),
          says: z.string(),
          waitsFor: z.union([operatorId, z.enum(['user', 'chain'])]),
        })
        .optional()
        .meta({ description: 'Of a pair that is open: the one step that comes next, and whom it waits for.' }),
    }),
  ),
});
export type Story = Shown<typeof story>;

const shown = ({ found, happened, why, next }: SideStory): Story['sides'][number] => ({
  side: viewOf(found),
  happened: happened.map(({ at, ...rest }) => ({ at: toTimestamp(at), ...rest })),
  ...(why === undefined ? {} : { why }),
  ...(next === undefined ? {} : { next }),
});

const millisOf = (time: string | undefined): UnixMillis | undefined =>
  time === undefined ? undefined : (Date.parse(time) as UnixMillis);

const filters = z.strictObject({
  pair: pairId.optional(),
  ref: ref.optional(),
  number: msisdn.optional(),
  ending: format<string>(/^[0-9]{3,14}$/, 'the last 3 to 14 digits of a number', '0611').optional(),
  batch: batchId.optional(),
  asset: asset.optional(),
  amount: positiveAmount.optional(),
  state: z.enum(sideStates).optional(),
  peer: z.coerce.number().int().min(1).max(0xffffffff).optional(),
  service: format<string>(/^[a-z][a-z0-9-]{0,31}$/, 'the name of a service', 'pay').optional(),
  text: prose(1, 200).optional(),
  from: timestamp.optional(),
  to: timestamp.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(20),
  after: z.string().max(64).optional().meta({ description: 'The `next` of the page before.' }),
});

export const careRoutes = {
  find: route({
    method: 'get',
    path: '/v1/find',
    token: 'admin',
    summary: 'Pairs of this node by what is known of them, newest first; filters combine.',
    query: filters,
    answers: {
      200: json(
        'A page. With `next` there may be more: ask again with it as `after`.',
        z.strictObject({ found: z.array(sideView), next: z.string().optional() }),
      ),
    },
    refusals: [],
    run: async ({ flow: { engine } }: Pick<ApiNode, 'flow'>, { query: { limit, after, from, to, peer, ...rest } }) => {
      const wanted = { ...rest, peer, from: millisOf(from), to: millisOf(to) };
      const { sides, next } = await findSides(engine, wanted as Filters, { limit, after });
      return { found: sides.map(viewOf), ...(next === undefined ? {} : { next }) };
    },
  }),

  story: route({
    method: 'get',
    path: '/v1/pairs/{id}/story',
    token: 'admin',
    summary: 'What happened to a pair, in the words that users wrote and were sent, and what comes next.',
    params: byPair,
    answers: { 200: json('The story, one part for each side that this node has.', story) },
    refusals: ['not-found'],
    run: async ({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>, { params: { id } }) => {
      const sides = await flow.engine.run((view) => sidesOf(view, id));
      if (sides.length === 0) throw missing(`This node has no pair ${id}.`);
      const stories = await Promise.all(sides.map((found) => storyOf(flow, payments, found)));
      return { pair: id, sides: stories.map(shown) };
    },
  }),
};
