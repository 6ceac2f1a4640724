/** For those who run the node: what is open, backups, recovery, a halt, and store, chain and peers compared. */
import { z } from 'zod';
import { examine } from '../recovery/doctor.ts';
import type { Doubt } from '../audit/doubt-list.ts';
import { exportDoubt, listDoubt } from '../recovery/doubt.ts';
import { haltStatus, release } from '../recovery/release.ts';
import { assertTaking, type ApiNode } from './api-node.ts';
import { operatorId, pairId, say, signature } from './common-fields.ts';
import { json, JsonText, route } from './route.ts';

const count = z.number().int().min(0);

const doubtList = z.looseObject({
  format: z.literal('tandem/doubt/1'),
  operator: operatorId,
  batches: z.array(z.looseObject({ batchId: z.string() })),
  pairs: z.array(z.looseObject({ pair: pairId, next: z.string() })),
});
/**
 * The formats are those of audit/doubt-list.ts; docs/operations.md tells them. The signed file is for its bytes: who asks for
 * it takes it as text.
 */
const doubtAnswer = z.union([
  doubtList,
  z.strictObject({ doubt: doubtList, signature: z.string() }),
]) as unknown as z.ZodType<Doubt>;

const recoveryStatus = z.strictObject({
  why: z.enum(['restored', 'loss-accepted', 'unknown-batch']).optional(),
  step: z.enum(['keys', 'chain', 'copies', 'done']),
  says: z.string(),
  lost: z.array(
    z.strictObject({
      what: z.enum(['batch', 'pair']),
      id: z.string(),
      peer: operatorId,
      batchId: z.string().optional(),
      says: z.string(),
    }),
  ),
});

const halted = z.strictObject({
  halted: z.boolean(),
  what: z.string().optional(),
  batchId: z.string().optional(),
  since: z.string().optional(),
  holds: z.array(z.string()).meta({ description: 'What has to be done before the halt can end.' }),
  says: z.string(),
});

export const upkeepRoutes = {
  doubt: route({
    method: 'get',
    path: '/v1/doubt',
    token: 'admin',
    summary: 'Every pair that is not final: what is signed, what the chain says, and what happens next.',
    query: z.strictObject({
      signed: z
        .enum(['true', 'false'], { error: say('"true" or "false"') })
        .default('false')
        .meta({ description: 'Also return the signed file, one line of canonical JSON.' }),
    }),
    answers: { 200: json('The list, or the signed file with it.', doubtAnswer) },
    refusals: ['not-ready'],
    run: async ({ flow, sign }: Pick<ApiNode, 'flow' | 'sign'>, { query }) => {
      const doubt = await listDoubt(flow);
      if (query.signed === 'false') return doubt;
      await flow.engine.run((work) => {
        work.journal('disclosure', { what: 'in-doubt list', pairs: doubt.pairs.length, at: doubt.at });
      });
      return new JsonText(exportDoubt(doubt, sign));
    },
  }),

  backup: route({
    method: 'post',
    path: '/v1/backup',
    token: 'admin',
    summary: 'Makes a backup in the configured folder while the node runs. Journaled.',
    body: z.strictObject({ kind: z.enum(['file', 'follow'], { error: say('"file" or "follow"') }) }),
    answers: {
      200: json(
        'What was written, and as of which write.',
        z.strictObject({
          file: z.string(),
          mark: z.strictObject({ store: z.string(), write: count }),
          records: count,
          bytes: count,
        }),
      ),
    },
    refusals: ['unprocessable', 'too-busy', 'not-ready', 'store-failed'],
    run: ({ backups }: Pick<ApiNode, 'backups'>, { body }) => backups.make(body.kind),
  }),

  keyBackup: route({
    method: 'post',
    path: '/v1/key-backup',
    token: 'admin',
    summary: 'Writes the users’ keys to a separate file in `backup.keysDir`, which is deleted when it expires.',
    body: z.strictObject({}),
    answers: {
      200: json(
        'What was written, and until when it can be used.',
        z.strictObject({ file: z.string(), records: z.number().int(), expires: z.number().int() }),
      ),
    },
    refusals: ['unprocessable', 'not-ready', 'store-failed'],
    run: ({ backups }: Pick<ApiNode, 'backups'>) => backups.makeKeys(),
  }),

  doctor: route({
    method: 'get',
    path: '/v1/doctor',
    token: 'admin',
    summary: 'Compares store, chain and peers and names each difference. Reads the whole store.',
    answers: {
      200: json(
        'What was found, and how much was looked at.',
        z.strictObject({
          findings: z.array(z.strictObject({ part: z.enum(['store', 'chain', 'peers']), says: z.string() })),
          looked: z.record(z.string(), count),
        }),
      ),
    },
    refusals: ['not-ready'],
    run: ({ doctor }: Pick<ApiNode, 'doctor'>) => examine(doctor),
  }),

  recovery: route({
    method: 'get',
    path: '/v1/recovery',
    token: 'admin',
    summary: 'The progress of a recovery (keys, then chain, then sealed copies) and what is lost.',
    answers: { 200: json('The step, what it waits for, and what is lost.', recoveryStatus) },
    refusals: [],
    run: ({ recovery }: Pick<ApiNode, 'recovery'>) => recovery.status(),
  }),

  recoverWithout: route({
    method: 'post',
    path: '/v1/recovery',
    token: 'admin',
    summary: 'Continues a recovery without what a peer could give back. Journaled.',
    body: z.strictObject({ without: z.array(operatorId).min(1).max(100) }),
    answers: { 200: json('The status afterwards.', recoveryStatus) },
    refusals: ['unprocessable', 'store-failed'],
    run: async ({ recovery }: Pick<ApiNode, 'recovery'>, { body }) => {
      await recovery.goWithout(body.without);
      return recovery.status();
    },
  }),

  halt: route({
    method: 'get',
    path: '/v1/halt',
    token: 'admin',
    summary: 'Whether the node is halted, why, and what has to be done before the halt can end.',
    answers: { 200: json('What halted the node, and what the chain says about it now.', halted) },
    refusals: ['chain-unavailable', 'chain-unreadable'],
    run: ({ flow, doctor: { self, reader, signer, account } }: Pick<ApiNode, 'flow' | 'doctor'>) =>
      haltStatus({ self, view: flow.engine.newest, reader, keys: { signer, account } }),
  }),

  release: route({
    method: 'post',
    path: '/v1/halt',
    token: 'admin',
    summary: 'Ends the halt: the node accepts new work again. Journaled with who and why.',
    body: z.strictObject({ ...signature, keysAreSafe: z.boolean().default(false) }),
    answers: { 200: json('The state afterwards.', halted) },
    refusals: ['unprocessable', 'not-ready', 'chain-unavailable', 'chain-unreadable', 'store-failed'],
    run: async (node: Pick<ApiNode, 'flow' | 'doctor' | 'recovery'>, { body }) => {
      assertTaking(node);
      return release(node.flow, node.doctor, body);
    },
  }),
};
