/** Messages of users: in from the gateway, out to the devnet's phones, and those that the gateway would not take. */
import { z } from 'zod';
import { listSetAside, sendAgain } from '../flow/deliver.ts';
import { toTimestamp } from '../model/ids.ts';
import { userByNumber } from '../users/user.ts';
import { assertTaking, missing, type ApiNode } from './api-node.ts';
import { byNumber, id, maxTextCharacters, msisdn, pairId, prose, say, timestamp } from './common-fields.ts';
import { json, route } from './route.ts';

const byMessage = z.strictObject({ id });
const message = z.strictObject({
  id,
  from: msisdn,
  to: msisdn,
  text: z.string(),
  pair: pairId.optional(),
  at: timestamp,
  deadline: timestamp.optional().meta({ description: 'After it the text is of no more use.' }),
  priority: z.literal('question').optional().meta({ description: 'The user has to answer it before the deadline.' }),
});
const setAsideMessage = message
  .omit({ from: true, deadline: true, priority: true })
  .extend({ tries: z.number().int().min(1), reason: z.string() });

export const messageRoutes = {
  receiveMessage: route({
    method: 'post',
    path: '/v1/messages',
    token: 'gateway',
    summary:
      'Accepts a message from a user. Repeating the same id and body gives the same answer and has no further effect.',
    body: z.strictObject({ id, from: msisdn, to: msisdn, text: prose(0, maxTextCharacters) }),
    answers: {
      202: json(
        'Taken, durably.',
        z.strictObject({ id, disposition: z.enum(['forwarded', 'intercepted', 'answered']) }),
      ),
    },
    refusals: ['unknown-sender', 'conflict', 'too-busy', 'peer-unavailable', 'not-ready', 'store-failed'],
    run: async (node: Pick<ApiNode, 'receiver' | 'recovery'>, { body }) => {
      assertTaking(node);
      const { id, disposition } = await node.receiver.receive(body);
      return { id, disposition };
    },
  }),

  phoneMessages: route({
    method: 'get',
    path: '/v1/phones/{number}/messages',
    token: 'gateway',
    summary: 'On a devnet only: the messages that a user’s phone has received, oldest first, at most 500 a call.',
    params: byNumber,
    query: z.strictObject({
      after: z
        .string({ error: say('given once') })
        .max(64, 'must be a cursor that an earlier answer gave')
        .default('')
        .meta({ description: 'The cursor from the previous answer; without it, from the first message.' }),
    }),
    answers: {
      200: json(
        'Messages after the cursor, and the cursor to go on with.',
        z.strictObject({ messages: z.array(message), cursor: z.string() }),
      ),
    },
    refusals: ['not-found'],
    run: async ({ phones, flow }: Pick<ApiNode, 'phones' | 'flow'>, { params: { number }, query: { after } }) => {
      if (phones === undefined) throw missing('This node keeps no phones: they belong to a devnet.');
      const { messages, cursor } = await phones.messages(number, after);
      // Only an inbox that never had a message can be of a number that nobody has.
      if (messages.length === 0 && after === '') {
        const known = await flow.engine.run((view) => userByNumber(view, number) !== undefined);
        if (!known) throw missing(`No user of this operator has the number ${number}.`);
      }
      return { messages, cursor };
    },
  }),

  setAside: route({
    method: 'get',
    path: '/v1/set-aside',
    token: 'admin',
    summary: 'Messages to users that the gateway refused permanently, oldest first. They are kept.',
    answers: { 200: json('The messages, and why.', z.strictObject({ messages: z.array(setAsideMessage) })) },
    refusals: [],
    run: async ({ flow: { engine } }: Pick<ApiNode, 'flow'>) => ({
      messages: (await listSetAside(engine)).flatMap(([, { message, at, tries, reason }]) => {
        if (message === undefined) return [];
        const { id, to, text, pair } = message;
        return [{ id, to, text, ...(pair === undefined ? {} : { pair }), at: toTimestamp(at), tries, reason }];
      }),
    }),
  }),

  sendSetAside: route({
    method: 'post',
    path: '/v1/set-aside/send',
    token: 'admin',
    summary: 'Puts a set-aside message back into the queue for another attempt.',
    body: byMessage,
    answers: { 200: json('The message is in the queue.', byMessage) },
    refusals: ['not-found', 'store-failed'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body: { id } }) => {
      if (!(await sendAgain(flow.engine, id))) throw missing(`No message ${id} is set aside.`);
      return { id };
    },
  }),
};
