/** `tandem smpp` as a process of its own, for those who measure it or set it against others. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { WebhookGateway } from '../../operator-node/messaging/webhook.ts';

const secret = 'the-secret-of-the-webhook';
const token = 'the-token-of-the-gateway';

export interface Handed {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly webhook: WebhookGateway;
  /** What it has handed to the node that is played here, by id. */
  readonly taken: ReadonlyMap<string, Handed>;
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** @param routes as in its configuration */
export async function startGateway(routes: readonly object[]): Promise<GatewayProcess> {
  const dir = mkdtempSync(join(tmpdir(), 'tandem-sms-'));
  const taken = new Map<string, Handed>();
  const node = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      const message = JSON.parse(body) as Handed;
      taken.set(message.id, message);
      response.writeHead(202).end(`{"id":${JSON.stringify(message.id)},"disposition":"intercepted"}`);
    });
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  const file = join(dir, 'smpp.yaml');
  const config = {
    ...{ dataDir: 'store', listen: { port: 0, secrets: [secret] }, routes },
    node: { url: `http://127.0.0.1:${(node.address() as AddressInfo).port}`, token },
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
  const main = join(import.meta.dirname, '../../operator-node/cli/main.ts');
  const child = spawn(process.execPath, [main, 'smpp', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await portOf(child);
  const webhook = new WebhookGateway({
    ...{ url: `http://127.0.0.1:${port}/messages`, secret },
    ...{ timeoutMillis: 20_000, now: Date.now },
  });
  return {
    ...{ child, port, webhook, taken },
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`tandem_smpp_${name} `));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await webhook.close();
      node.closeAllConnections();
      node.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (stdout === null) throw new Error('it has no output');
  let said = '';
  for await (const piece of stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += String(piece);
    const ready = said.split('\n').find((line) => line.includes('"ready":true'));
    if (ready === undefined) continue;
    stdout.on('data', (more: string) => process.stderr.write(more));
    return (JSON.parse(ready) as { port: number }).port;
  }
  throw new Error(`the gateway has ended: ${said}`);
}
