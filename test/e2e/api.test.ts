/**
 * Every route of a real devnet's nodes, each answer parsed with the schema that the route declares: strictly, so that a
 * field that nobody has declared is found too. A route that is not asked here fails the last test.
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError, nodeClient, type Asked, type NodeClient } from '../../operator-node/api/client.ts';
import type { AnswerForm, AnyRoute } from '../../operator-node/api/route.ts';
import { operations } from '../../operator-node/api/table.ts';
import { until } from '../../scripts/devnet/wait.ts';
import { fileRequests } from './audit-requests.ts';
import { TestNet } from './devnet.ts';

type Operation = keyof typeof operations;

const answered = new Set<string>();
let net: TestNet;
let clients: Readonly<Record<'aurora' | 'borealis', NodeClient>>;
let pair: string;

/** Why this is no answer of that form; undefined where it is one. */
function faultOf(form: AnswerForm, body: string): string | undefined {
  if (form.kind === 'text') return body.length > 0 ? undefined : 'it is empty';
  return form.schema.safeParse(JSON.parse(body)).error?.message;
}

/** Asks a node, holds the answer against the route's schemas, and gives it as it came. */
async function answer<K extends Operation>(
  operation: K,
  asked: Asked<(typeof operations)[K]>,
  at: keyof typeof clients = 'aurora',
): Promise<string> {
  const body = await clients[at].text(operation, asked);
  const forms = Object.values((operations[operation] as AnyRoute<never>).answers);
  const faults = forms.map((form) => faultOf(form, body));
  expect(faults, `${operation} answers ${body.slice(0, 2_000)}`).toContain(undefined);
  answered.add(operation);
  return body;
}

/** Where there is nothing on this devnet to say yes to. */
async function refusal<K extends Operation>(
  operation: K,
  asked: Asked<(typeof operations)[K]>,
  code: string,
): Promise<void> {
  const refused = clients.aurora.text(operation, asked);
  await expect(refused).rejects.toBeInstanceOf(ApiError);
  await expect(refused).rejects.toMatchObject({ code });
  answered.add(operation);
}

/** Asks again while the node says that it is too early. */
const whenReady = (ask: () => Promise<string>): Promise<string> =>
  until(
    () =>
      ask().catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'not-ready') return undefined;
        throw error;
      }),
    { timeoutMillis: 60_000, failure: () => 'the node is not ready for it' },
  );

beforeAll(async () => {
  net = await TestNet.start({ overrides: { journal: { anchorSeconds: 5 } } });
  const auditorToken = readFileSync(net.devnet.layout.auditorTokenFile, 'utf8').trim();
  const clientOf = (handle: string): NodeClient =>
    nodeClient({ ...net.devnet.operator(handle).access, auditorToken }, { timeoutMillis: 60_000 });
  clients = { aurora: clientOf('aurora'), borealis: clientOf('borealis') };
  await fileRequests(net);
});
afterAll(async () => {
  for (const client of Object.values(clients)) client.close();
  expect(net.deaths).toEqual([]);
  await net.stop();
});

describe('every answer of a devnet is of its route’s schema', () => {
  it('messages and phones', async () => {
    const [from, to] = [net.user('anna').number, net.user('elin').number];
    await answer('receiveMessage', { id: 'api-1', from, to, text: 'PAY 120 lunch' });
    const { message } = await net.arrived('elin', /120,00 SEK/);
    pair = message.pair ?? '';
    await answer('phoneMessages', { number: to }, 'borealis');
    expect(await answer('doubt', {})).toContain(pair);
    expect(await answer('doubt', { signed: 'true' })).toContain('"signature"');
    await answer('pair', { id: pair });
    expect(await answer('story', { id: pair })).toMatch(/PAY 120 lunch.*"next"/);
    expect(await answer('find', { number: from, text: 'LUNCH' })).toContain(pair);
    expect(await net.send('elin', 'service', 'JA')).toBe('intercepted');
    await net.arrived('anna', /^You paid Elin Falk/);
    await answer('setAside', {});
    await refusal('sendSetAside', { id: 'none' }, 'not-found');
  });

  it('users, accounts and positions', async () => {
    const { number } = net.user('anna');
    await answer('users', {});
    await answer('accounts', { number });
    await answer('assets', {});
    await answer('positions', {});
    const cash = { number, asset: 'SEK', amount: '5000', reason: 'Counter' };
    await answer('deposit', { id: 'api-d', ...cash });
    await answer('withdraw', { id: 'api-w', ...cash });
    const goods = [{ item: 'cola', label: 'Cola', asset: 'SEK', price: '2000', codes: ['A1'] }];
    const user = { number: '+46701740699', name: 'Åsa', language: 'sv', assets: ['SEK'], goods };
    await answer('createUser', user);
    await answer('createUser', user);
    await answer('erase', { user: user.number });
    expect(await answer('erasures', {})).toContain('"what":"all"');
  });

  it('a pair, its evidence and its journal', async () => {
    const view = JSON.parse(await answer('pair', { id: pair })) as { legs: { batchId: string }[] };
    await whenReady(() => answer('pairEvidence', { id: pair }));
    const asked = { policy: 'dispute', reason: 'case 4' };
    await whenReady(() => answer('pairJournal', { id: pair, recipient: 'ombudsman', ...asked }));
    await answer('auditJournal', { pair, ...asked });
    await answer('discrepancies', {});
    expect(await answer('discrepancies', { batch: view.legs[0]?.batchId ?? '' })).toContain('"expected"');
  });

  it('windows, caps and statements', async () => {
    await answer('setCap', { counterparty: 'borealis', asset: 'SEK', cap: '5000000' });
    expect(await answer('caps', {})).toContain('5000000');
    await whenReady(() => answer('compareWindow', { counterparty: 'borealis' }));
    // Before there is a window: afterwards a debt is paid by its window.
    await until(
      async () => {
        const to = `${new Date().toISOString().slice(0, 19)}Z`;
        const period = { counterparty: 'borealis', asset: 'SEK', from: '2026-01-01T00:00:00Z', to };
        return answer('netPayment', { ...period, pair }).catch((error: unknown) => {
          if (error instanceof ApiError && error.code === 'not-found') return undefined;
          throw error;
        });
      },
      { timeoutMillis: 10_000, failure: () => 'the payment is in no period that is over' },
    );
    await answer('closeWindow', { counterparty: 'borealis' });
    const anchored = (at: keyof typeof clients, counterparty: string) =>
      until(async () => ((await answer('windows', { counterparty }, at)).includes('"anchored"') ? true : undefined), {
        timeoutMillis: 30_000,
        failure: () => `the window is not anchored at ${at}`,
      });
    await anchored('aurora', 'borealis');
    await anchored('borealis', 'aurora');
    await answer('windowPayment', { counterparty: 'borealis', number: '1', asset: 'SEK' });
    const payment = { counterparty: 'aurora', number: 1, asset: 'SEK', reference: 'RIX 1' };
    await answer('dischargeWindow', payment, 'borealis');
    await until(async () => ((await answer('windows', {}, 'borealis')).includes('"discharged"') ? true : undefined), {
      timeoutMillis: 30_000,
      failure: () => 'the window is not discharged',
    });
    const to = `${new Date().toISOString().slice(0, 19)}Z`;
    const period = { counterparty: 'borealis', asset: 'SEK', from: '2026-01-01T00:00:00Z', to };
    await answer('accountStatement', period);
    await answer('accountStatementCsv', period);
  });

  it('what auditors ask, and what they are answered', async () => {
    const { finalBlock = 0 } = JSON.parse(await answer('auditScope', {})) as { finalBlock?: number };
    const asked = { from: 0, to: finalBlock, policy: 'regulator-minimum', reason: 'file 17' };
    await answer('disclosures', { ...asked, recipient: 'Supervisor' });
    await until(async () => ((await answer('requests', {})).includes('"open"') ? true : undefined), {
      timeoutMillis: 30_000,
      failure: () => 'the request is not seen',
    });
    await answer('auditDisclosures', { ...asked, filed: '1' });
    await answer('answerRequest', { request: 1, files: [hash('sha256', 'a file')] });
    await answer('answerOpening', { request: '1' });
    await until(async () => ((await answer('requests', {})).includes('"answered"') ? true : undefined), {
      timeoutMillis: 30_000,
      failure: () => 'the answer is in no final block',
    });
  });

  it('upkeep and health', async () => {
    await answer('backup', { kind: 'file' });
    await answer('keyBackup', {});
    await answer('doctor', {});
    await answer('recovery', {});
    await refusal('recoverWithout', { without: [2] }, 'unprocessable');
    await answer('halt', {});
    await refusal('release', { by: 'test', because: 'nothing' }, 'unprocessable');
    await answer('alarms', {});
    await refusal('acknowledgeAlarm', { code: 'foreign-decision', by: 'test', because: 'seen' }, 'not-found');
    await answer('health', {});
    await answer('readiness', {});
    await answer('metrics', {});
    await answer('openapi', {});
  });

  it('and no route was left out', () => {
    expect([...answered].toSorted()).toEqual(Object.keys(operations).toSorted());
  });
});
