/** The gateway against jSMPP's simulator of an SMS centre: ids in hex, in receipts in decimal. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Msisdn, Timestamp } from '../../operator-node/model/ids.ts';
import { becomes, type Expectations } from './expectations.ts';
import { startGateway } from './gateway-process.ts';

const folder = join(import.meta.dirname, '../../.runtime/sms-peers');
const lib = join(folder, 'lib');

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tandem</groupId>
  <artifactId>sms-peers</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.jsmpp</groupId><artifactId>jsmpp-examples</artifactId><version>3.0.0</version></dependency>
  </dependencies>
</project>
`;

/** @throws {Error} where Java or Maven is missing, or Maven gets nothing */
function install(): void {
  if (existsSync(join(lib, 'jsmpp-examples-3.0.0.jar'))) return;
  for (const tool of ['java', 'mvn']) {
    if (spawnSync(tool, ['-version']).error !== undefined)
      throw new Error(`There is no ${tool}: install Java 17 and Maven.`);
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'pom.xml'), pom);
  const { status, stdout } = spawnSync('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`Maven could not get jSMPP 3.0.0:\n${stdout}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function startSimulator(port: number): ChildProcess {
  const properties = ['systemId=foo', 'password=bar', `simulator.port=${port}`].map((one) => `-Djsmpp.client.${one}`);
  const main = 'org.jsmpp.examples.SMPPServerSimulator';
  const options = [...properties.slice(0, 2), `-Djsmpp.simulator.port=${port}`, '-cp', join(lib, '*'), main];
  return spawn('java', options, { stdio: 'ignore' });
}

const texts = [
  ['one part, GSM', 'Svara JA 5778 för att ta emot. 5 €'],
  ['two parts, GSM', 'x'.repeat(200)],
  ['three parts, GSM', 'å€'.repeat(130)],
  ['four parts, GSM', 'y'.repeat(600)],
  ['one part, UCS-2', 'Ответь ДА 5778 😀'],
  ['two parts, UCS-2', 'ж'.repeat(100)],
  ['four parts, UCS-2', 'ж😀'.repeat(70)],
] as const;

const message = (id: string, to: number, text: string): OutboundMessage => ({
  ...{ id, from: '+46700000001' as Msisdn, to: `+467012${String(10_000 + to)}` as Msisdn, text },
  at: '2026-11-30T12:00:00Z' as Timestamp,
});

export async function withJsmpp(check: Expectations): Promise<void> {
  install();
  const port = await freePort();
  let simulator = startSimulator(port);
  const times = { reconnectMillis: 200, longestReconnectMillis: 1_000, responseSeconds: 5, doubtSeconds: 2 };
  const account = { host: '127.0.0.1', port, systemId: 'foo', password: 'bar', window: 20 };
  const gateway = await startGateway([{ name: 'jsmpp', ...account, ...times }]);
  const delivered = (): Promise<number> => gateway.metric('outcomes_total{route="jsmpp",outcome="delivered"}');
  const waiting = (): Promise<number> => gateway.metric('waiting{direction="out",route="jsmpp"}');
  try {
    const isUp = await becomes(
      async () => (await gateway.metric('bind_up{route="jsmpp",mode="transceiver"}')) === 1,
      20_000,
    );
    check(isUp, 'the bind is up');
    for (const [index, [what, text]] of texts.entries()) {
      const before = await delivered();
      await gateway.webhook.deliver([message(`j-${index}`, index, text)]);
      check(await becomes(async () => (await delivered()) === before + 1, 15_000), `${what}: every receipt is matched`);
    }
    let sent = texts.length;
    for (let moment = 0; moment < 5; moment += 1) {
      await gateway.webhook.deliver(
        Array.from({ length: 5 }, (_, index) => message(`k-${moment}-${index}`, sent + index, `k ${moment}`)),
      );
      sent += 5;
      await new Promise((resolve) => setTimeout(resolve, 7 * moment));
      simulator.kill('SIGKILL');
      await once(simulator, 'exit');
      simulator = startSimulator(port);
    }
    // What the simulator had taken, it has forgotten with its receipts; the rest must get there.
    check(await becomes(async () => (await waiting()) === 0, 60_000), 'killed at five moments: nothing waits for ever');
    const accepted = await gateway.metric('submits_total{route="jsmpp",status="ESME_ROK"}');
    check(accepted >= sent, `every message was accepted (${accepted} parts)`);
    check(
      (await gateway.metric('faults_total{route="jsmpp",kind="receipt-for-nobody"}')) === 0,
      'no receipt was for nobody',
    );
  } finally {
    await gateway.stop();
    simulator.kill('SIGKILL');
  }
}
