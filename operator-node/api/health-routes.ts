/** Whether the node is well: alarms for staff, probes and metrics for machines. */
import { z } from 'zod';
import type { AlarmFacts } from '../alarms/record.ts';
import { alarmCodes } from '../alarms/catalogue.ts';
import type { ApiNode } from './api-node.ts';
import { errorBody, signature, timestamp } from './common-fields.ts';
import { json, route, text } from './route.ts';

const facts = z.looseObject({}).meta({
  description: 'Ids, numbers of blocks and the like, each a text, a number or a boolean.',
}) as unknown as z.ZodType<AlarmFacts>;
const alarmList = z.strictObject({
  alarms: z.array(
    z.strictObject({
      code: z.enum(alarmCodes),
      severity: z.enum(['critical', 'warning']),
      subject: z.string().meta({ description: 'Whom it is about where there are several: an operator, an endpoint.' }),
      active: z
        .boolean()
        .meta({ description: 'A condition that holds now, or an event that nobody has acknowledged.' }),
      since: timestamp,
      last: timestamp,
      over: timestamp.optional().meta({ description: 'When a condition that holds no more ended.' }),
      count: z.number().int().min(1),
      facts,
      text: z.string(),
      remedy: z.string(),
    }),
  ),
});

const readinessView = z.strictObject({
  ready: z.boolean(),
  checks: z.record(z.string(), z.string()).meta({ description: 'One entry a part: "ok", or what is wrong.' }),
  error: errorBody.shape.error.optional().meta({ description: 'Only while not ready, with code `not-ready`.' }),
});

export const healthRoutes = {
  alarms: route({
    method: 'get',
    path: '/v1/alarms',
    token: 'admin',
    summary: 'Alarms that hold now or that nobody has acknowledged, with what to do about each.',
    answers: { 200: json('Active ones first.', alarmList) },
    refusals: ['not-ready'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>) => ({ alarms: await flow.alarms.list() }),
  }),

  acknowledgeAlarm: route({
    method: 'post',
    path: '/v1/alarms/acknowledge',
    token: 'admin',
    summary: 'Staff has seen an alarm: it is shown no more unless it still holds; journaled with who and why.',
    body: z.strictObject({ code: z.string().max(100), subject: z.string().max(500).optional(), ...signature }),
    answers: { 200: json('What is left.', alarmList) },
    refusals: ['not-found', 'not-ready', 'store-failed'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body }) => ({ alarms: await flow.alarms.acknowledge(body) }),
  }),

  health: route({
    method: 'get',
    path: '/healthz',
    token: 'none',
    summary: 'Answers while the process serves.',
    answers: { 200: json('It serves.', z.strictObject({ status: z.literal('ok') })) },
    refusals: [],
    run: async () => ({ status: 'ok' as const }),
  }),

  readiness: route({
    method: 'get',
    path: '/readyz',
    token: 'none',
    summary: 'Whether the node takes orders, and what each part of it says.',
    answers: { 200: json('It does.', readinessView), 503: json('It does not; `checks` says why.', readinessView) },
    refusals: [],
    run: async ({ flow }: { readonly flow: Pick<ApiNode['flow'], 'readiness'> }) => {
      const found = flow.readiness.checks();
      const checks = Object.fromEntries(found.map(({ name, detail }) => [name, detail]));
      if (found.every(({ ok }) => ok)) return { status: 200, body: { ready: true, checks } } as const;
      const failing = found.filter(({ detail }) => detail !== 'ok' && !detail.startsWith('ok, '));
      const message = failing.map(({ name, detail }) => `${name}: ${detail}`).join('; ') || 'The node is not ready.';
      return { status: 503, body: { ready: false, checks, error: { code: 'not-ready', message } } } as const;
    },
  }),

  metrics: route({
    method: 'get',
    path: '/metrics',
    token: 'none',
    hostChecked: true,
    summary: 'Counters and gauges; no number, name or amount.',
    answers: { 200: text('Prometheus text.', 'text/plain', 'text/plain; version=0.0.4; charset=utf-8') },
    refusals: [],
    run: ({ metrics }: Pick<ApiNode, 'metrics'>) => metrics(),
  }),
};
