/**
 * Bench of `tandem audit scan`: 1,000,000 pairs in 1,000 batches of two operators, on a real chain with the real
 * contracts. `node scripts/run.mjs scripts/bench/audit.ts [--batches N] [--pairs N] [--threads N] [--folder DIR]`
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { Interface, Wallet } from 'ethers';
import { encodeLine } from '../../operator-node/audit/disclosures/lines.ts';
import { indexDisclosures } from '../../operator-node/audit/disclosures/read.ts';
import { pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import { maskWords } from '../../operator-node/commitment/executed.ts';
import type { Hash } from '../../operator-node/model/ids.ts';
import { scriptArguments, wholeNumber } from '../arguments.ts';
import { admitOperators, deployTandem } from '../contracts/deploy.ts';
import { anvilBinary } from '../devnet/chain.ts';
import { isCommitted, type BooksRequest, type MadeBatch } from './audit-books.ts';

const chainId = 20261123;
const hour = 3_600;
const bar = { seconds: 120, mebibytes: 1_024 } as const;
const secretOf = (number: number): string => `0x${number.toString(16).padStart(64, '0')}`;
const deployer = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

const usage = `usage: node scripts/run.mjs scripts/bench/audit.ts [--batches N] [--pairs N] [--threads N] [--folder DIR]
  --batches   that the scan reads (default 1000), each of --pairs pairs (default 1000)
  --threads   of the scan (default 2)
  --folder    keeps the files there`;
const { values } = scriptArguments(usage, {
  batches: { type: 'string', default: '1000' },
  pairs: { type: 'string', default: '1000' },
  threads: { type: 'string', default: '2' },
  folder: { type: 'string' },
});
const count = (name: 'batches' | 'pairs' | 'threads'): number => wholeNumber(usage, name, values[name]);
const [batches, pairs, threads] = [count('batches'), count('pairs'), count('threads')];

const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'tandem-bench-audit-'));

async function startAnvil(): Promise<{ anvil: ChildProcess; url: string }> {
  const fees = ['--gas-price', '0', '--base-fee', '0', '--gas-limit', '10000000000', '--hardfork', 'cancun'];
  const anvil = spawn(anvilBinary(), ['--port', '0', '--chain-id', String(chainId), ...fees], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: anvil.stdout })) {
    const address = /Listening on (\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    anvil.stdout.resume();
    return { anvil, url: `http://${address}` };
  }
  throw new Error('anvil ended before it listened');
}

/** Many requests in one: the chain takes them in their order. */
async function rpc(
  url: string,
  calls: readonly (readonly [method: string, params: readonly unknown[]])[],
): Promise<unknown[]> {
  const body = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }));
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answers = (await response.json()) as { id: number; result?: unknown; error?: { message: string } }[];
  return answers
    .sort((a, b) => a.id - b.id)
    .map(({ result, error }) => {
      if (error !== undefined) throw new Error(error.message);
      return result;
    });
}

/** Puts the hash of the block that the sections were written at in its place: it is known once the chain is there. */
async function stampFiles(url: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const { sections } = indexDisclosures(file);
    const number = sections[0]?.line.asOf.number ?? 0;
    const [block] = await rpc(url, [['eth_getBlockByNumber', [`0x${number.toString(16)}`, false]]]);
    const { hash } = block as { readonly hash: Hash };
    const descriptor = openSync(file, 'r+');
    for (const { line, offset } of sections) {
      const text = encodeLine({ ...line, asOf: { number, hash } });
      writeSync(descriptor, text, offset - text.length);
    }
    closeSync(descriptor);
  }
}

function makeBooks(requests: readonly BooksRequest[]): Promise<MadeBatch[]> {
  let count = 0;
  return Promise.all(
    requests.map(
      (workerData) =>
        new Promise<MadeBatch[]>((resolve, reject) => {
          const made: MadeBatch[] = [];
          const worker = new Worker(new URL('./audit-books.ts', import.meta.url), { workerData });
          worker.on('message', (batch: MadeBatch) => {
            made.push(batch);
            count += 1;
            if (count % 100 === 0) console.log(`${count} of ${batches} batches written`);
          });
          worker.on('error', reject);
          worker.on('exit', () => resolve(made));
        }),
    ),
  ).then((lists) => lists.flat());
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

const { anvil, url } = await startAnvil();
try {
  const accounts = { 1: new Wallet(secretOf(11)).address, 2: new Wallet(secretOf(12)).address } as const;
  const signers = { 1: secretOf(21), 2: secretOf(22) } as const;
  const authority = new Wallet(deployer).address;
  const network = await deployTandem({
    rpcUrl: url,
    chainId,
    deployerPrivateKey: deployer,
    authority,
    maxWindowSeconds: 86_400,
    deploymentDir: join(folder, 'ignition'),
  });
  await admitOperators({
    rpcUrl: url,
    registry: network.contracts.OperatorRegistry,
    authorityPrivateKey: deployer,
    operators: ([1, 2] as const).map((id) => ({
      handle: `operator-${id}`,
      controller: new Wallet(secretOf(30 + id)).address,
      account: accounts[id],
      signer: new Wallet(signers[id]).address,
      pin: `0x${String(id).repeat(64)}`,
      endpoint: `https://operator-${id}.example`,
    })),
  });
  const [head] = (await rpc(url, [['eth_getBlockByNumber', ['latest', false]]])) as [
    { number: string; timestamp: string },
  ];
  const firstBlock = Number(head.number) + 1;
  const bookedAt = Number(head.timestamp) + hour;
  const threadsOfBooks = 2;
  const size = Math.ceil(batches / threadsOfBooks);
  const requests = Array.from({ length: threadsOfBooks }, (_, part): BooksRequest => ({
    chainId: String(chainId),
    contract: network.contracts.PairSettlement.toLowerCase(),
    first: part * size,
    last: Math.min(batches, (part + 1) * size) - 1,
    all: batches,
    pairs,
    firstBlock,
    lastBlock: firstBlock + 4 * batches,
    bookedAt,
    deadline: bookedAt + hour,
    signers,
    files: { 1: join(folder, `operator-1-${part}.ndjson`), 2: join(folder, `operator-2-${part}.ndjson`) },
  }));
  let started = performance.now();
  const made = await makeBooks(requests);
  made.sort((a, b) => a.sequence - b.sequence || a.initiator - b.initiator);
  const files = requests.flatMap((request) => Object.values(request.files));
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  console.log(`disclosure files: ${(bytes / 1e9).toFixed(2)} GB in ${seconds(started)} s`);

  started = performance.now();
  const settlement = new Interface(pairSettlementAbi);
  await rpc(url, [
    ['anvil_autoImpersonateAccount', [true]],
    ['evm_setNextBlockTimestamp', [bookedAt - 30]],
  ]);
  const send = async (list: readonly { from: string; data: string }[]): Promise<void> => {
    // One by one: each is mined by itself, in a block that the files name already.
    for (const { from, data } of list) {
      const transaction = { from, to: network.contracts.PairSettlement, data, gas: '0x1000000', gasPrice: '0x0' };
      await rpc(url, [['eth_sendTransaction', [transaction]]]);
    }
  };
  await send(
    made.map((batch) => ({
      from: accounts[1],
      data: settlement.encodeFunctionData('prepare', [batch, batch.initiatorSignature, batch.acceptorSignature]),
    })),
  );
  const commits = maskWords(pairs, isCommitted);
  const aborts = maskWords(pairs, (index) => !isCommitted(index));
  const account = (id: number): string => (id === 1 ? accounts[1] : accounts[2]);
  await send(
    made.map(({ acceptor, batchId }) => ({
      from: account(acceptor),
      data: settlement.encodeFunctionData('decide', [commits.map((mask, word) => [batchId, word, mask, aborts[word]])]),
    })),
  );
  for (const id of [1, 2]) {
    const groups = Array.from({ length: Math.ceil(batches / 50) }, (_, group) =>
      made.slice(group * 50, group * 50 + 50),
    );
    await send(
      groups.map((group) => ({
        from: account(id),
        data: settlement.encodeFunctionData('attest', [id, group.map(({ batchId, digest }) => [batchId, digest])]),
      })),
    );
  }
  const [height] = (await rpc(url, [['eth_blockNumber', []]])) as [string];
  const most = firstBlock + 4 * batches;
  // Blocks up to the one that the files say they were written at.
  await rpc(url, [['anvil_mine', [`0x${(most - Number(height)).toString(16)}`, '0x0']]]);
  console.log(`chain: ${batches} batches prepared, decided and attested in ${seconds(started)} s, up to block ${most}`);
  await stampFiles(url, files);
  const networkFile = join(folder, 'network.json');
  writeFileSync(
    networkFile,
    JSON.stringify({ ...network, chainId: String(chainId), finality: { mode: 'depth', depth: 0 } }),
  );

  started = performance.now();
  const args = [
    'audit',
    'scan',
    ...files,
    '--network',
    networkFile,
    '--rpc',
    url,
    '--threads',
    String(threads),
    // The files were written before the blocks: their times are made up.
    '--clock-seconds',
    String(hour),
    '--post-seconds',
    String(hour),
    '--json',
  ];
  const script = `import { main } from ${JSON.stringify(new URL('../../operator-node/cli/main.ts', import.meta.url).href)};
    process.exitCode = await main(${JSON.stringify(args)}, process);
    process.stderr.write(JSON.stringify(process.resourceUsage()) + '\\n');`;
  const scriptFile = join(folder, 'measured.mjs');
  writeFileSync(scriptFile, script);
  const child = spawn(process.execPath, [scriptFile], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  const took = Number(seconds(started));
  if (code !== 0) throw new Error(`the scan ended with ${code}: ${errors}${out.slice(0, 4_000)}`);
  const { totals } = JSON.parse(out) as { totals: { pairs: number; committed: number } };
  const usage = JSON.parse(errors.trim().split('\n').at(-1) ?? '{}') as {
    maxRSS: number;
    userCPUTime: number;
    systemCPUTime: number;
  };
  const mebibytes = Math.round(usage.maxRSS / 1024);
  const cpu = ((usage.userCPUTime + usage.systemCPUTime) / 1e6).toFixed(1);
  console.log(
    `scan: ${totals.pairs} pairs (${totals.committed} committed) in ${took} s, ${cpu} s of CPU, at most ${mebibytes} MiB; ${threads} threads`,
  );
  const good = took < bar.seconds && mebibytes < bar.mebibytes;
  console.log(`bar: ${bar.seconds} s and ${bar.mebibytes} MiB for 1,000,000 pairs: ${good ? 'met' : 'NOT MET'}`);
  process.exitCode = good ? 0 : 1;
} finally {
  anvil.kill('SIGKILL');
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
