/** Kannel as the gateway, with the configuration of docs/sms.md, at the tests' own SMS centre: both directions. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeText, plainGsm } from '../../operator-node/smpp/alphabet.ts';
import { readHeader } from '../../operator-node/smpp/header.ts';
import { Smsc } from '../../test/node/smsc.fixture.ts';
import { becomes, type Expectations } from './expectations.ts';

const folders = ['/usr/sbin', '/usr/lib/kannel', '/usr/local/sbin'];
const tool = (name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find((file) => existsSync(file));

/** @throws {Error} where Kannel is missing and cannot be had */
function install(): { readonly bearerbox: string; readonly smsbox: string } {
  if (tool('bearerbox') === undefined && process.getuid?.() === 0) {
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'kannel'], { stdio: 'ignore' });
  }
  const [bearerbox, smsbox] = [tool('bearerbox'), tool('smsbox')];
  if (bearerbox === undefined || smsbox === undefined) throw new Error('There is no Kannel: apt-get install kannel');
  return { bearerbox, smsbox };
}

interface Ports {
  readonly smsc: number;
  readonly adapter: number;
}

/** Kannel's own ports; it takes no others than those of its configuration. */
const adminPort = 17_481;
const boxPort = 17_482;
const sendPort = 17_483;

const configuration = ({ smsc, adapter }: Ports, dir: string): string => `
group = core
admin-port = ${adminPort}
admin-password = secret
smsbox-port = ${boxPort}
box-allow-ip = 127.0.0.1
sms-combine-concatenated-mo = true
store-type = file
store-location = ${dir}/store
log-level = 4

group = smsc
smsc = smpp
smsc-id = main
host = 127.0.0.1
port = ${smsc}
transceiver-mode = true
smsc-username = tandem
smsc-password = secret
system-type = ""
msg-id-type = 0
source-addr-autodetect = true

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${sendPort}
global-sender = 46700000001
log-level = 4

group = sms-service
keyword = default
accepted-smsc = main
max-messages = 0
concatenation = true
get-url = "http://127.0.0.1:${adapter}/from-kannel?id=%I&from=%p&to=%P&text=%b&coding=%c&charset=%C"

group = sendsms-user
username = tandem
password = secret
max-messages = 10
concatenation = true
`;

interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
}

export async function withKannel(check: Expectations): Promise<void> {
  const { bearerbox, smsbox } = install();
  const smsc = await new Smsc({ receiptMillis: 50 }).start();
  const asked: Asked[] = [];
  const adapter = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://adapter');
    asked.push({ path: url.pathname, query: url.searchParams });
    response.end();
  });
  await new Promise<void>((resolve) => adapter.listen(0, '127.0.0.1', resolve));
  const dir = mkdtempSync(join(tmpdir(), 'tandem-kannel-'));
  const file = join(dir, 'kannel.conf');
  writeFileSync(file, configuration({ smsc: smsc.port, adapter: (adapter.address() as AddressInfo).port }, dir));
  const boxes: ChildProcess[] = [spawn(bearerbox, [file], { stdio: 'ignore' })];
  try {
    check(await becomes(() => smsc.binds.length > 0, 15_000), 'Kannel has bound');
    boxes.push(spawn(smsbox, [file], { stdio: 'ignore' }));
    await toPhones(check, smsc, asked, (adapter.address() as AddressInfo).port);
    await fromPhones(check, smsc, asked);
  } finally {
    for (const box of boxes.reverse()) {
      box.kill('SIGKILL');
      if (box.exitCode === null && box.signalCode === null) await once(box, 'exit');
    }
    await smsc.kill();
    adapter.closeAllConnections();
    adapter.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function toPhones(check: Expectations, smsc: Smsc, asked: readonly Asked[], adapter: number): Promise<void> {
  const texts = [
    { text: 'Svara JA 5778', coding: '0' },
    { text: 'y'.repeat(400), coding: '0' },
    { text: 'Ответь ДА 5778', coding: '2' },
    { text: 'ж'.repeat(150), coding: '2' },
  ];
  for (const [index, { text, coding }] of texts.entries()) {
    const dlr = `http://127.0.0.1:${adapter}/dlr?id=${index}&state=%d`;
    const query = new URLSearchParams({
      ...{ username: 'tandem', password: 'secret', to: `+467012${10_000 + index}`, text, coding },
      ...{ charset: 'UTF-8', 'dlr-mask': '31', 'dlr-url': dlr },
    });
    const before = smsc.submitted.length;
    const send = async (): Promise<boolean> => {
      const url = `http://127.0.0.1:${sendPort}/cgi-bin/sendsms?${query.toString()}`;
      return fetch(url).then(
        ({ status }) => status === 202,
        () => false,
      );
    };
    check(await becomes(send, 15_000), `${text.length} characters in coding ${coding}: sendsms answers 202`);
    const isDelivered = (): boolean =>
      asked.some(({ path, query: q }) => path === '/dlr' && q.get('id') === String(index) && q.get('state') === '1');
    check(await becomes(isDelivered, 15_000), '… and its delivery is called back');
    const parts = smsc.submitted.slice(before).map(({ octets, pdu }) => {
      const data = (Number(pdu['esm_class']) & 0x40) === 0 ? undefined : readHeader(octets);
      const alphabet = pdu['data_coding'] === 8 ? 'ucs2' : 'gsm';
      return {
        index: data?.concatenation?.index ?? 1,
        text: decodeText(data?.text ?? octets, alphabet, plainGsm) ?? '',
      };
    });
    const whole = parts.sort((a, b) => a.index - b.index).map((part) => part.text);
    check(whole.join('') === text, `… and its ${parts.length} parts are the text`);
  }
}

async function fromPhones(check: Expectations, smsc: Smsc, asked: readonly Asked[]): Promise<void> {
  const from = { source_addr_ton: 1, source_addr_npi: 1, source_addr: '46701234567', destination_addr: '46700000001' };
  const said = (text: string): Promise<boolean> =>
    becomes(() => asked.some(({ path, query }) => path === '/from-kannel' && query.get('text') === text), 15_000);
  check(
    (await smsc.deliver({ ...from, short_message: Buffer.from('JA 5778') })) === 0,
    'a message from a phone is acknowledged',
  );
  check(await said('JA 5778'), '… and asked for by get-url');
  const ids = asked.filter(({ path }) => path === '/from-kannel').map(({ query }) => query.get('id') ?? '');
  check(
    ids.every((id) => /^[0-9a-f-]{36}$/.test(id)),
    '… with a UUID of Kannel’s own',
  );
  for (const [index, text] of ['BETALA 1', '20 lunch'].entries()) {
    const octets = Buffer.concat([Buffer.from([5, 0, 3, 7, 2, index + 1]), Buffer.from(text)]);
    await smsc.deliver({ ...from, esm_class: 0x40, short_message: octets });
  }
  check(await said('BETALA 120 lunch'), 'two parts are joined by Kannel');
}
