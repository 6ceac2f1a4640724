/** Caps for staff: how much two operators let each other owe (docs/settlement.md). */
import { z } from 'zod';
import { TandemError } from '../errors.ts';
import { changeCap } from '../flow/greet.ts';
import { amountPattern, type Amount } from '../model/ids.ts';
import type { ApiNode } from './api-node.ts';
import { amount, asset, counterparty, format, operatorId } from './common-fields.ts';
import { json, route, type Shown } from './route.ts';
import { counterpartyOf } from './statement-routes.ts';

/** How much two operators let each other owe; minor units. An absent cap is no bound. */
const capState = z.strictObject({
  operator: operatorId,
  asset,
  own: amount.optional(),
  peer: amount.optional(),
  agreed: amount.optional().meta({ description: 'The lower of the two caps; absent if neither operator has one.' }),
  /** What this operator owes, or is owed, when everything on hold is done. */
  mayOwe: z.string(),
  mayBeOwed: z.string(),
});
export type CapState = Shown<typeof capState>;

/** Of each counterparty that there was ever a position with, or that a cap is set for. */
async function capsOf({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>): Promise<readonly CapState[]> {
  return flow.engine.run((view) => {
    const used = new Map(payments.exposures(view).map((each) => [`${each.operator}/${each.asset}`, each]));
    return flow.peers.all().flatMap(({ id }): CapState[] => {
      if (id === flow.self) return [];
      return flow.caps.view(id).flatMap(({ operator, asset, ...caps }): CapState[] => {
        const exposure = used.get(`${operator}/${asset}`);
        if (exposure === undefined && Object.keys(caps).length === 0) return [];
        const { owes = 0n, owed = 0n } = exposure ?? {};
        return [{ operator, asset, ...caps, mayOwe: owes.toString(), mayBeOwed: owed.toString() }];
      });
    });
  });
}

export const capRoutes = {
  caps: route({
    method: 'get',
    path: '/v1/caps',
    token: 'admin',
    summary:
      'How much this operator and each counterparty may owe each other, as set by both, and how much of it is used.',
    answers: { 200: json('One entry for each counterparty and asset.', z.strictObject({ caps: z.array(capState) })) },
    refusals: [],
    run: async (node: Pick<ApiNode, 'flow' | 'payments'>) => ({ caps: await capsOf(node) }),
  }),

  setCap: route({
    method: 'post',
    path: '/v1/caps',
    token: 'admin',
    summary: 'Sets this operator’s own cap; it applies at once, and the counterparty is told. Journaled.',
    body: z.strictObject({
      counterparty,
      asset,
      cap: format<Amount | ''>(new RegExp(`${amountPattern.source}|^$`), 'minor units, or "" for no bound', '5000000'),
    }),
    answers: {
      200: json(
        'What is agreed now, if anything.',
        z.strictObject({ operator: operatorId, asset, agreed: amount.optional() }),
      ),
    },
    refusals: ['not-found', 'unprocessable', 'store-failed'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body: { counterparty, asset, cap } }) => {
      const peer = counterpartyOf(flow, counterparty);
      if (!flow.config.assets.some((entry) => entry.asset === asset)) {
        throw new TandemError('not-found', `This node has no accounts in ${asset}.`);
      }
      await changeCap(flow, peer, asset, cap === '' ? undefined : cap);
      const agreed = flow.caps.of(peer, asset) as Amount | undefined;
      return { operator: peer, asset, ...(agreed === undefined ? {} : { agreed }) };
    },
  }),
};
