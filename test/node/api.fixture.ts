/** The API on a port of its own, before a node that answers as it is told and records what it was asked. */
import { hash } from 'node:crypto';
import { afterEach } from 'vitest';
import { AuditorGate, type Auditor } from '../../operator-node/api/auditor-gate.ts';
import {
  apiLimits,
  startApi,
  type ApiLimits,
  type RunningApi,
  type ServerHooks,
} from '../../operator-node/api/server.ts';
import type { ApiNode } from '../../operator-node/api/api-node.ts';
import { withOpenapi } from '../../operator-node/api/openapi.ts';
import { routeGroup, type AnyRoute, type BoundRoute, type RouteGroup } from '../../operator-node/api/route.ts';
import { resources } from '../../operator-node/api/table.ts';
import { usualCalls, usualNode, type Call, type FakeCalls, type Note } from './api-node.fixture.ts';

export const gatewayToken = 'gateway-token-0123456789';
export const adminToken = 'admin-token-0123456789';
export const auditorToken = 'auditor-token-0123456789';
export const auditor: Auditor = {
  name: 'supervisor',
  tokenHash: hash('sha256', auditorToken, 'hex'),
  fromBlock: 0,
  policies: ['regulator-minimum'],
  expires: '2026-12-31T00:00:00Z',
  requestsPerMinute: 60,
};
/** 2026-11-23T10:00:00Z */
const today = Date.UTC(2026, 10, 23, 10);
export interface FakeApi {
  readonly groups: readonly RouteGroup[];
  /** What was asked of the node, whatever it answered. */
  readonly calls: readonly Call[];
}

/** `replace` stands in for single calls, `parts` for parts of the node; the routes are the real ones. */
export function fakeApi(replace: Partial<FakeCalls> = {}, parts: Partial<ApiNode> = {}): FakeApi {
  const calls: Call[] = [];
  const note: Note = (name, input) => void calls.push({ name, input });
  const fakes: Readonly<Record<string, unknown>> = { ...usualCalls(note), ...replace };
  const node = { ...usualNode(note), ...parts } as unknown as ApiNode;
  const groups = Object.entries(resources).map(([name, routes]) => {
    const faked = Object.entries<AnyRoute<ApiNode>>(routes).map(([operation, declared]) => {
      const fake = fakes[operation] as ((input: unknown) => Promise<unknown>) | undefined;
      return [
        operation,
        fake === undefined ? declared : { ...declared, run: (_: ApiNode, input: unknown) => fake(input) },
      ];
    });
    return routeGroup<ApiNode>(name, Object.fromEntries(faked) as Record<string, AnyRoute<ApiNode>>, node);
  });
  return { groups, calls };
}

/** Every route of the node, as the server has it. */
export const routes: readonly BoundRoute[] = withOpenapi(fakeApi().groups).flatMap((group) => group.routes);

const running: RunningApi[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.close()));
});

export interface Running {
  readonly api: RunningApi;
  readonly url: string;
}

/** Closed after the test. */
export async function serve(
  { groups }: Pick<FakeApi, 'groups'> = fakeApi(),
  hooks: ServerHooks = {},
  limits: Partial<ApiLimits> = {},
): Promise<Running> {
  const api = await startApi(
    groups,
    { host: '127.0.0.1', port: 0, gatewayToken, adminToken, auditors: new AuditorGate([auditor], () => today) },
    hooks,
    { ...apiLimits, ...limits },
  );
  running.push(api);
  return { api, url: `http://127.0.0.1:${api.port}` };
}

export const asGateway = { authorization: `Bearer ${gatewayToken}` };
export const asAuditor = { authorization: `Bearer ${auditorToken}` };
export const asStaff = { authorization: `Bearer ${adminToken}` };

export const post = (url: string, body: unknown, headers: Record<string, string> = asGateway) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  });

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** A refusal, which has the one form that every refusal has. */
export async function refusal(answer: Response): Promise<Refusal> {
  const body = (await answer.json()) as { error: { code: string; message: string } };
  if (Object.keys(body).join() !== 'error' || Object.keys(body.error).join() !== 'code,message') {
    throw new Error(`not of the form of a refusal: ${JSON.stringify(body)}`);
  }
  return { status: answer.status, ...body.error };
}
