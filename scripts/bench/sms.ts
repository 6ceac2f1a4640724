/**
 * `node scripts/run.mjs scripts/bench/sms.ts [--rate 500] [--seconds 20] [--window 100]`: messages in both directions over one
 * bind, and what processor time the gateway takes for each. SMS centre and node are played by this process.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { OutboundMessage } from '../../operator-node/messaging/gateway.ts';
import type { Msisdn, Timestamp } from '../../operator-node/model/ids.ts';
import { Smsc } from '../../test/node/smsc.fixture.ts';
import { startGateway, type GatewayProcess } from '../sms/gateway-process.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '20' },
    window: { type: 'string', default: '100' },
  },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);
const window = Number(values.window);
const tickMillis = 50;
/** Messages before the clock starts: code that runs for the first time is not what is measured. */
const warmUpSeconds = 5;

const phoneOf = (index: number): Msisdn => `+46701${String(index % 100_000).padStart(6, '0')}` as Msisdn;
const at = '2026-11-30T12:00:00Z' as Timestamp;

/** User and system time of a process and all its threads, in milliseconds. */
function processorMillis({ child }: GatewayProcess): number {
  const stat = readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const smsc = await new Smsc({ answerMillis: 20, receiptMillis: 20 }).start();
const gateway = await startGateway([
  { name: 'main', host: '127.0.0.1', port: smsc.port, systemId: 'a', password: 'b', window },
]);

let sent = 0;
let delivered = 0;
async function run(forSeconds: number): Promise<number> {
  const begun = performance.now();
  const from = sent;
  const arrived: Promise<number>[] = [];
  while (performance.now() - begun < forSeconds * 1000) {
    const due = Math.floor(((performance.now() - begun) / 1000) * rate) - (sent - from);
    const group = Array.from({ length: due }, (_, index): OutboundMessage => {
      const number = sent + index;
      const text = `Anna Berg vill betala dig 120,00 SEK. Svara JA ${number} för att ta emot.`;
      return { id: `bench-${number}`, from: '+46700000001' as Msisdn, to: phoneOf(number), text, at };
    });
    sent += due;
    for (let index = 0; index < due; index += 1) {
      const source = phoneOf(delivered).slice(1);
      delivered += 1;
      const fields = { source_addr_ton: 1, source_addr: source, dest_addr_ton: 1, destination_addr: '46700000001' };
      arrived.push(smsc.deliver({ ...fields, short_message: Buffer.from(`JA ${delivered}`) }));
    }
    if (group.length > 0) await gateway.webhook.deliver(group);
    await new Promise((resolve) => setTimeout(resolve, tickMillis));
  }
  await Promise.all(arrived);
  const outcomes = 'outcomes_total{route="main",outcome="delivered"}';
  while ((await gateway.metric(outcomes)) < sent || gateway.taken.size < delivered) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - begun;
}

await run(warmUpSeconds);
const [before, already] = [processorMillis(gateway), sent];
const millis = await run(seconds);
const used = processorMillis(gateway) - before;
const messages = 2 * (sent - already);
const perSecond = Math.round(((sent - already) / millis) * 1000);
console.log(
  `${sent - already} messages each way in ${(millis / 1000).toFixed(1)} s (${perSecond}/s each way), receipts for all of them; ` +
    `${(used / messages).toFixed(3)} ms of processor time a message (${used} ms); the widest window ${smsc.windowSeen}`,
);
await gateway.stop();
await smsc.kill();
