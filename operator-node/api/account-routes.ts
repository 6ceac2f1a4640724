/** Accounts of users, money that staff takes in and pays out, and what operators owe each other. */
import { z } from 'zod';
import type { Amount } from '../model/ids.ts';
import { userByNumber } from '../users/user.ts';
import { assertTaking, missing, type ApiNode } from './api-node.ts';
import { amount, asset, byNumber, id, msisdn, operatorId, positiveAmount, prose, signed } from './common-fields.ts';
import { json, route } from './route.ts';

const balance = signed('below zero only after an execution without a hold');

/** Money in or out: the two differ in the call alone. */
const cash = (kind: 'deposit' | 'withdraw', path: string, summary: string) =>
  route({
    method: 'post',
    path,
    token: 'admin',
    summary,
    body: z.strictObject({ id, number: msisdn, asset, amount: positiveAmount, reason: prose(1, 200) }),
    answers: { 200: json('The movement was booked; the balance after it.', z.strictObject({ id, asset, balance })) },
    refusals: ['not-found', 'conflict', 'unprocessable', 'not-ready', 'store-failed'],
    run: async (node: Pick<ApiNode, 'staff' | 'recovery'>, { body }) => {
      assertTaking(node);
      const moved = await node.staff.move(kind, body);
      return { id: body.id, asset: moved.asset, balance: moved.balance };
    },
  });

export const accountRoutes = {
  accounts: route({
    method: 'get',
    path: '/v1/accounts/{number}',
    token: 'admin',
    summary: 'The accounts of a user, in minor units.',
    params: byNumber,
    answers: {
      200: json(
        'Its accounts.',
        z.strictObject({ accounts: z.array(z.strictObject({ asset, balance, held: amount })) }),
      ),
    },
    refusals: ['not-found'],
    run: ({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>, { params: { number } }) =>
      flow.engine.run((view) => {
        const user = userByNumber(view, number);
        if (user === undefined) throw missing(`No user of this operator has the number ${number}.`);
        const accounts = payments.balances(view, user.id);
        return { accounts: accounts.map(({ asset, balance, held }) => ({ asset, balance, held: held as Amount })) };
      }),
  }),

  assets: route({
    method: 'get',
    path: '/v1/assets',
    token: 'admin',
    summary: 'The assets in which this operator has accounts, each with its number of decimals: 2 for SEK, 0 for JPY.',
    answers: {
      200: json(
        'As they are configured.',
        z.strictObject({ assets: z.array(z.strictObject({ asset, exponent: z.number().int().min(0).max(18) })) }),
      ),
    },
    refusals: [],
    run: async ({ flow }: Pick<ApiNode, 'flow'>) => ({
      assets: flow.config.assets.map(({ asset, exponent }) => ({ asset, exponent })),
    }),
  }),

  positions: route({
    method: 'get',
    path: '/v1/positions',
    token: 'admin',
    summary: 'What this operator owes each counterparty (positive) or is owed by it (negative).',
    answers: {
      200: json(
        'One entry for each counterparty and asset.',
        z.strictObject({
          positions: z.array(
            z.strictObject({
              operator: operatorId,
              asset,
              balance: signed('positive: this operator owes the counterparty'),
            }),
          ),
        }),
      ),
    },
    refusals: [],
    run: async ({ flow, payments }: Pick<ApiNode, 'flow' | 'payments'>) => ({
      positions: await flow.engine.run((view) => payments.positions(view)),
    }),
  }),

  deposit: cash(
    'deposit',
    '/v1/deposits',
    'Money into a user’s account, by staff. The same id and content again: the same answer.',
  ),

  withdraw: cash(
    'withdraw',
    '/v1/withdrawals',
    'Money out of a user’s account, by staff. The same id and content again: the same answer.',
  ),
};
