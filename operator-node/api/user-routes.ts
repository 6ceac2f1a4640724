/** Users of this operator: who they are, who comes, and who is erased (docs/erasure.md). */
import { z } from 'zod';
import type { ErasureState } from '../erasure/state.ts';
import { msisdnPattern, type UserId } from '../model/ids.ts';
import { userTable, type User } from '../users/user.ts';
import { assertTaking, type ApiNode } from './api-node.ts';
import { asset, format, msisdn, operatorId, positiveAmount, prose, say } from './common-fields.ts';
import { json, route } from './route.ts';

const userId = z.string().regex(/^u_[0-9a-f]{24}$/, 'a user id') as unknown as z.ZodType<UserId, string>;
const language = format<string>(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'a language tag', 'en');
const kind = z.enum(['person', 'machine'], { error: say('"person" or "machine"') });
const flag = z.boolean({ error: say('true or false') });

const distinct = <T>(list: readonly T[], key: (entry: T) => unknown) => new Set(list.map(key)).size === list.length;

export const newUser = z.strictObject({
  number: msisdn,
  name: prose(1, 80),
  language,
  kind: kind.default('person'),
  assets: z
    .array(asset, { error: say('a list of assets') })
    .min(1, 'must name at least one asset')
    .max(16, 'must name at most 16 assets')
    .refine((list) => distinct(list, (entry) => entry), 'must not name an asset twice')
    .meta({ uniqueItems: true, description: 'The first one applies to amounts without a currency.' }),
  joined: flag.default(false),
  autoAccept: flag.optional().meta({
    description:
      'Whether credits and sales are accepted without asking; if absent, yes for a machine and no for a person.',
  }),
  goods: z
    .array(
      z.strictObject({
        item: prose(1, 32),
        label: prose(1, 80),
        asset,
        price: positiveAmount,
        codes: z.array(prose(1, 128)).max(10_000, 'must have at most 10000 codes'),
      }),
      { error: say('a list of goods') },
    )
    .max(100, 'must have at most 100 items')
    .refine((list) => distinct(list, (entry) => entry.item), 'must not name an item twice')
    .default([]),
});
const createdUser = z.strictObject({ number: msisdn, created: z.boolean() });

const erasure = z.strictObject({
  user: userId,
  what: z.enum(['all', 'messages']),
  phase: z.enum(['begun', 'erased', 'purged']),
  begun: z.number().int(),
  generation: z.number().int().optional(),
  erased: z.number().int().optional(),
  records: z.number().int().optional(),
  told: z.array(operatorId).optional(),
});

export const userRoutes = {
  users: route({
    method: 'get',
    path: '/v1/users',
    token: 'admin',
    summary: 'The users of this operator.',
    answers: {
      200: json(
        'All of them.',
        z.strictObject({
          users: z.array(
            z.strictObject({
              id: userId,
              number: msisdn,
              name: z.string(),
              language: z.string(),
              kind: z.string(),
              joined: z.boolean(),
            }),
          ),
        }),
      ),
    },
    refusals: [],
    run: async ({ flow }: Pick<ApiNode, 'flow'>) => {
      const found: Pick<User, 'id' | 'number' | 'name' | 'language' | 'kind' | 'joined'>[] = [];
      for await (const [, { id, number, name, language, kind, joined }] of flow.engine.store.scan(userTable)) {
        found.push({ id, number, name, language, kind, joined });
      }
      return { users: found };
    },
  }),

  createUser: route({
    method: 'post',
    path: '/v1/users',
    token: 'admin',
    summary:
      'Adds a user with empty accounts. Repeating the same content has no further effect; other content is a conflict.',
    body: newUser,
    answers: {
      200: json('The user already exists with this content.', createdUser),
      201: json('The user was added.', createdUser),
    },
    refusals: ['conflict', 'unprocessable', 'not-ready', 'store-failed'],
    run: async (node: Pick<ApiNode, 'staff' | 'recovery'>, { body }) => {
      assertTaking(node);
      const { number, created } = await node.staff.createUser({
        ...body,
        autoAccept: body.autoAccept ?? body.kind === 'machine',
      });
      return { status: created ? 201 : 200, body: { number, created } } as const;
    },
  }),

  erase: route({
    method: 'post',
    path: '/v1/erasures',
    token: 'admin',
    summary: 'Erases a user, or only the messages to and from the user. Repeating it returns what was done.',
    body: z.strictObject({
      user: format<string>(
        new RegExp(`^u_[0-9a-f]{24}$|${msisdnPattern.source}`),
        'a user’s id, or its number in E.164 with its plus sign',
        '+46701234567',
      ),
      what: z
        .enum(['all', 'messages'], { error: say('"all" or "messages"') })
        .default('all')
        .meta({ description: '`messages`: only what was said to and by the user, who stays.' }),
    }),
    answers: { 200: json('Erased here; the counterparties are being told.', erasure) },
    refusals: ['not-found', 'unprocessable', 'not-ready', 'store-failed'],
    run: ({ eraser }: Pick<ApiNode, 'eraser'>, { body }): Promise<ErasureState> => eraser.erase(body.user, body.what),
  }),

  erasures: route({
    method: 'get',
    path: '/v1/erasures',
    token: 'admin',
    summary: 'All erasures, by user id; nothing else is left of an erased user.',
    answers: { 200: json('All of them.', z.strictObject({ erasures: z.array(erasure) })) },
    refusals: [],
    run: async ({ eraser }: Pick<ApiNode, 'eraser'>) => ({ erasures: await eraser.list() }),
  }),
};
