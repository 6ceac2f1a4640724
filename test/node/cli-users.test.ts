/** `tandem` on a devnet: whom it knows are the users that the nodes have, not those of a list that was written once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { main } from '../../operator-node/cli/main.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Customer {
  readonly number: string;
  readonly name: string;
}

const anna = { number: '+46701740611', name: 'Anna Berg' };
const elin = { number: '+46701740651', name: 'Elin Falk' };

interface Net {
  readonly dir: string;
  /** Bodies of the messages that were sent, by the operator whose node took them. */
  readonly sent: { readonly operator: string; readonly from: string; readonly to: string }[];
}

/** A node an operator with those customers; `listed` is what devnet.json says, which is empty unless it is given. */
async function net(
  customers: Readonly<Record<string, readonly Customer[] | 'refuses' | 'silent'>>,
  listed: DevnetFile['users'] = [],
): Promise<Net> {
  const sent: Net['sent'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const [, operator = '', ...path] = (request.url ?? '').split('/');
      const own = customers[operator];
      const answer = (status: number, json: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
      };
      if (own === 'refuses') {
        answer(503, { error: { code: 'not-ready', message: 'Not yet.' } });
        return;
      }
      if (path.join('/') === 'v1/users') {
        const particulars = { id: `u_${'0'.repeat(24)}`, language: 'en', kind: 'person', joined: true };
        answer(200, { users: own === 'silent' ? [] : own?.map((user) => ({ ...particulars, ...user })) });
        return;
      }
      sent.push({ operator, ...(JSON.parse(body) as { from: string; to: string }) });
      answer(202, { id: 'x', disposition: 'forwarded' });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dir = mkdtempSync(join(tmpdir(), 'tandem-cli-users-'));
  closers.push(() => {
    rmSync(dir, { recursive: true, force: true });
    server.closeAllConnections();
    server.close();
  });
  const file: DevnetFile = {
    chainId: 1,
    rpcUrl: 'http://127.0.0.1:1',
    contracts: { OperatorRegistry: '0x', PairSettlement: '0x', AuditLog: '0x' },
    operators: Object.entries(customers).map(([handle, own], index) => ({
      id: index + 1,
      handle,
      apiUrl: own === 'silent' ? 'http://127.0.0.1:1' : `http://127.0.0.1:${port}/${handle}`,
      serviceNumber: `+4670174060${index}`,
      gatewayToken: 'gateway-token',
      adminToken: 'admin-token',
    })),
    users: listed,
  };
  writeFileSync(join(dir, 'devnet.json'), JSON.stringify(file));
  return { dir, sent };
}

async function send(from: string, to: string, { dir }: Net): Promise<{ code: number; stderr: string }> {
  let stderr = '';
  const code = await main(['send', from, to, 'Hello', '--devnet', dir], {
    stdout: { write: () => undefined },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stderr };
}

describe('a user of tandem send', () => {
  it('is refused where nobody has that name, with who there is', async () => {
    const here = await net({ aurora: [anna], borealis: [elin] });
    const { code, stderr } = await send('nobody', 'anna', here);
    expect(code).toBe(2);
    expect(stderr).toContain('aurora and borealis have no user nobody. Known users: +46701740611 Anna Berg (aurora)');
    expect(here.sent).toEqual([]);
  });

  it.each([
    ['a first name', 'anna', 'Use the number.'],
    ['a whole name', 'Anna Berg', 'Use the number.'],
  ])('is refused where %s is of two, with both', async (_, name, remedy) => {
    const other = { number: '+46701740661', name: 'Anna Berg' };
    const here = await net({ aurora: [anna], borealis: [elin], cumulus: [other] });
    const { code, stderr } = await send(name, 'elin', here);
    expect(code).toBe(2);
    expect(stderr).toContain(
      `Several users match ${name}: +46701740611 Anna Berg (aurora), +46701740661 Anna Berg (cumulus). ${remedy}`,
    );
    expect(here.sent).toEqual([]);
  });

  it('is refused where two operators have that number as a customer, and taken with the operator behind it', async () => {
    const here = await net({ aurora: [anna], borealis: [elin], cumulus: [anna] });
    const { code, stderr } = await send(anna.number, 'elin', here);
    expect(code).toBe(2);
    expect(stderr).toContain('Write +46701740611@aurora.');
    expect(await send('+46 70 174 06 11@cumulus', 'elin', here)).toMatchObject({ code: 0 });
    expect(await send('anna@aurora', 'elin@borealis', here)).toMatchObject({ code: 0 });
    expect(here.sent).toMatchObject([
      { operator: 'cumulus', from: anna.number, to: elin.number },
      { operator: 'aurora', from: anna.number, to: elin.number },
    ]);
  });

  it('is one who came by the API after devnet.json was written', async () => {
    const here = await net({ aurora: [anna], borealis: [elin] });
    expect(await send('elin', 'anna', here)).toEqual({ code: 0, stderr: '' });
    expect(here.sent).toMatchObject([{ operator: 'borealis', from: elin.number, to: anna.number }]);
  });

  it('is no longer one who is only in devnet.json', async () => {
    const gone = { ...elin, operator: 'borealis', language: 'en', kind: 'person', accounts: [] } as const;
    const here = await net({ aurora: [anna], borealis: [] }, [gone]);
    expect(await send('elin', 'anna', here)).toMatchObject({ code: 2 });
  });

  it('is by the whole name before one by the first name', async () => {
    const short = { number: '+46701740661', name: 'Anna' };
    const here = await net({ aurora: [anna], borealis: [elin], cumulus: [short] });
    expect(await send('anna', 'elin', here)).toMatchObject({ code: 0 });
    expect(here.sent).toMatchObject([{ operator: 'cumulus', from: short.number }]);
  });

  it('is known by devnet.json while its node is down, and others are said to be missing', async () => {
    const listed = { ...elin, operator: 'borealis', language: 'en', kind: 'person', accounts: [] } as const;
    const here = await net({ aurora: [anna], borealis: 'silent' }, [listed]);
    expect(await send('anna', 'elin', here)).toMatchObject({ code: 0 });
    const { code, stderr } = await send('george', 'anna', here);
    expect(code).toBe(2);
    expect(stderr).toContain('borealis did not answer and may have others.');
    expect(await send('elin', 'anna', here)).toMatchObject({ code: 1 });
  });

  it('is refused in the words of a node that refuses to say whom it has', async () => {
    const here = await net({ aurora: [anna], borealis: 'refuses' });
    expect(await send('anna', 'elin', here)).toEqual({ code: 1, stderr: 'tandem send: Not yet. (not-ready)\n' });
  });
});
