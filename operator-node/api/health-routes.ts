/** Whether the node is well: alarms for staff, probes and metrics for machines. */
import { z } from 'zod';
import type { AlarmFacts } from '../alarms/record.ts';
import { alarmCodes } from '../alarms/catalogue.ts';
import type { ApiNode } from './api-node.ts';
import { errorBody, signature, timestamp } from './common-fields.ts';
import { json, route, text } from './route.ts';

const facts = z.looseObject({}).meta({
  description: 'Ids, block numbers and the like, each a text, a number or a boolean.',
}) as unknown as z.ZodType<AlarmFacts>;
const alarmList = z.strictObject({
  alarms: z.array(
    z.strictObject({
      code: z.enum(alarmCodes),
      severity: z.enum(['critical', 'warning']),
      subject: z.string().meta({ description: 'What it is about, if there are several: an operator or an endpoint.' }),
      active: z
        .boolean()
        .meta({ description: 'True for a condition that holds now, and for an event that is not acknowledged.' }),
      since: timestamp,
      last: timestamp,
      over: timestamp.optional().meta({ description: 'When a condition ended that no longer holds.' }),
      count: z.number().int().min(1),
      facts,
      text: z.string(),
      remedy: z.string(),
    }),
  ),
});

const readinessView = z.strictObject({
  ready: z.boolean(),
  checks: z.record(z.string(), z.string()).meta({ description: 'One entry for each part: "ok", or what is wrong.' }),
  error: errorBody.shape.error.optional().meta({ description: 'Only while not ready, with code `not-ready`.' }),
});

export const healthRoutes = {
  alarms: route({
    method: 'get',
    path: '/v1/alarms',
    token: 'admin',
    summary: 'Alarms that are active or not acknowledged, with what to do about each.',
    answers: { 200: json('Active ones first.', alarmList) },
    refusals: ['not-ready'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>) => ({ alarms: await flow.alarms.list() }),
  }),

  acknowledgeAlarm: route({
    method: 'post',
    path: '/v1/alarms/acknowledge',
    token: 'admin',
    summary: 'Acknowledges an alarm: it is no longer shown unless it still holds. Journaled with who and why.',
    body: z.strictObject({ code: z.string().max(100), subject: z.string().max(500).optional(), ...signature }),
    answers: { 200: json('The remaining alarms.', alarmList) },
    refusals: ['not-found', 'not-ready', 'store-failed'],
    run: async ({ flow }: Pick<ApiNode, 'flow'>, { body }) => ({ alarms: await flow.alarms.acknowledge(body) }),
  }),

  health: route({
    method: 'get',
    path: '/healthz',
    token: 'none',
    summary: 'Answers as long as the process is running.',
    answers: { 200: json('The process is running.', z.strictObject({ status: z.literal('ok') })) },
    refusals: [],
    run: async () => ({ status: 'ok' as const }),
  }),

  readiness: route({
    method: 'get',
    path: '/readyz',
    token: 'none',
    summary: 'Whether the node accepts orders, and the state of each part.',
    answers: {
      200: json('The node is ready.', readinessView),
      503: json('The node is not ready; see `checks`.', readinessView),
    },
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
