/** What must hold on a quiet devnet, whatever was played: read from outside, through API, chain and bundles. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Contract, JsonRpcProvider } from 'ethers';
import { pairSettlementAbi } from '../../operator-node/chain/abi.ts';
import type { NodeClient } from '../../operator-node/api/client.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import type { PairView } from '../../operator-node/api/pair-routes.ts';

export interface Finding {
  readonly ok: boolean;
  readonly text: string;
}

/** Sum of balances and holds of all users by `operator asset`, and positions by `operator counterparty asset`. */
export interface Books {
  readonly balances: ReadonlyMap<string, bigint>;
  readonly held: bigint;
  readonly positions: ReadonlyMap<string, bigint>;
}

type Clients = ReadonlyMap<string, NodeClient>;

const add = (map: Map<string, bigint>, key: string, amount: bigint): void => {
  map.set(key, (map.get(key) ?? 0n) + amount);
};

export async function readBooks(file: DevnetFile, clients: Clients): Promise<Books> {
  const balances = new Map<string, bigint>();
  const positions = new Map<string, bigint>();
  let held = 0n;
  for (const { handle, id } of file.operators) {
    const client = clients.get(handle);
    if (client === undefined) throw new Error(`no client for ${handle}`);
    // All that the node has, also those who came after the file was written.
    for (const user of (await client.users()).users) {
      for (const account of (await client.accounts({ number: user.number })).accounts) {
        add(balances, `${handle} ${account.asset}`, BigInt(account.balance));
        held += BigInt(account.held);
      }
    }
    for (const { operator, asset, balance } of (await client.positions()).positions) {
      add(positions, `${id} ${operator} ${asset}`, BigInt(balance));
    }
  }
  return { balances, held, positions };
}

export function mirror({ positions }: Books): Finding {
  const wrong = [...positions].filter(([key, balance]) => {
    const [own = '', other = '', asset = ''] = key.split(' ');
    return own !== other && balance !== -(positions.get(`${other} ${own} ${asset}`) ?? 0n);
  });
  return {
    ok: wrong.length === 0,
    text:
      wrong.length === 0
        ? `positions mirror each other (${positions.size} entries)`
        : `positions do not mirror each other: ${wrong.map(([key, balance]) => `${key}: ${balance}`).join(', ')}`,
  };
}

export function noHolds({ held }: Books): Finding {
  return { ok: held === 0n, text: held === 0n ? 'no money is on hold' : `${held} minor units are still on hold` };
}

/** What an operator's users have, less what it owes other operators' users for: only deposits change it. */
export function sumsConstant(before: Books, after: Books, file: DevnetFile): Finding {
  const wrong: string[] = [];
  const total = (books: Books, key: string): bigint => {
    const [handle, asset] = key.split(' ');
    const id = file.operators.find((operator) => operator.handle === handle)?.id;
    let sum = books.balances.get(key) ?? 0n;
    for (const [position, balance] of books.positions) {
      const [own, other, positionAsset] = position.split(' ');
      if (own === String(id) && other !== own && positionAsset === asset) sum += balance;
    }
    return sum;
  };
  for (const key of after.balances.keys()) {
    const [was, is] = [total(before, key), total(after, key)];
    if (was !== is) wrong.push(`${key}: ${was} before, ${is} now`);
  }
  return {
    ok: wrong.length === 0,
    text: wrong.length === 0 ? 'sums are constant' : `sums have changed: ${wrong.join('; ')}`,
  };
}

/** Each operator's lane to each other one has carried a batch, and the chain has closed it. */
export function lanesUsed(
  operators: readonly { readonly id: number; readonly handle: string }[],
  batches: Iterable<{ readonly initiator: number; readonly acceptor: number; readonly reconciled: boolean }>,
  expected: (from: string, to: string) => boolean,
): Finding {
  const used = new Set([...batches].flatMap((each) => (each.reconciled ? [`${each.initiator} ${each.acceptor}`] : [])));
  const lanes = operators.flatMap((from) =>
    operators.flatMap((to) => (from.id !== to.id && expected(from.handle, to.handle) ? [{ from, to }] : [])),
  );
  const unused = lanes.filter(({ from, to }) => !used.has(`${from.id} ${to.id}`));
  return {
    ok: unused.length === 0,
    text:
      unused.length === 0
        ? `${lanes.length} lanes between ${operators.length} operators have settled`
        : `no batch was reconciled from ${unused.map(({ from, to }) => `${from.handle} to ${to.handle}`).join(', ')}`,
  };
}

const statusNames = ['unknown', 'prepared', 'committed', 'aborted'];

/** The pair on every node that has it, and on chain: one outcome. */
export async function pairOutcomes(
  file: DevnetFile,
  clients: Clients,
  pairs: Iterable<string>,
): Promise<{ readonly findings: readonly Finding[]; readonly committed: readonly string[] }> {
  const provider = new JsonRpcProvider(file.rpcUrl, file.chainId, { staticNetwork: true });
  const settlement = new Contract(file.contracts.PairSettlement, pairSettlementAbi, provider);
  const wrong: string[] = [];
  const committed: string[] = [];
  let count = 0;
  try {
    for (const id of pairs) {
      count += 1;
      const legsByNode = await Promise.all([...clients.values()].map((client) => viewOf(client, id)));
      const views = legsByNode.flat();
      const states = new Set(views.map(({ state }) => state));
      const [view] = views;
      if (view === undefined) {
        wrong.push(`${id}: no node has it`);
        continue;
      }
      const anchored = views.find(({ batchId }) => batchId !== undefined);
      const onChain =
        anchored?.batchId === undefined
          ? 'not anchored'
          : (statusNames[Number(await settlement.getFunction('pairStatus')(anchored.batchId, anchored.index ?? 0))] ??
            '?');
      // A pair that never got into a batch is over without the chain: it was given up or refused.
      const agreed =
        states.size === 1 && (onChain === view.state || (onChain === 'not anchored' && view.state === 'aborted'));
      if (!agreed) wrong.push(`${id}: nodes say ${[...states].join(', ')}; the chain says ${onChain}`);
      else if (view.state === 'committed') committed.push(id);
      if (views.some(({ told }) => !told)) wrong.push(`${id}: a user was not told`);
      if (view.state === 'committed' && new Set(views.map(({ leg }) => leg)).size !== 2) {
        wrong.push(`${id}: it is committed, and only its ${view.leg} leg is known`);
      }
      const holders = legsByNode.filter((legs) => legs.length > 0).length;
      if (holders > 2) wrong.push(`${id}: ${holders} operators know it, and it is between two`);
    }
  } finally {
    provider.destroy();
  }
  const findings = [
    {
      ok: wrong.length === 0,
      text: wrong.length === 0 ? `${count} pairs have one outcome each, on their nodes and on chain` : wrong.join('; '),
    },
  ];
  return { findings, committed };
}

async function viewOf(client: NodeClient, id: string): Promise<PairView['legs']> {
  const answer = await client.raw('GET', `/v1/pairs/${id}`, 'admin');
  if (answer.status === 404) return [];
  return (JSON.parse(answer.body) as PairView).legs;
}

export type Verify = (
  args: readonly string[],
  out: { readonly stdout: { write(text: string): unknown }; readonly stderr: { write(text: string): unknown } },
) => Promise<number>;

/** Each pair's bundle from each node that has it, checked as an auditor would: with the network file and the chain alone. */
export async function bundlesVerify(
  verify: Verify,
  networkFile: string,
  file: DevnetFile,
  clients: Clients,
  pairs: readonly string[],
): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-bundles-'));
  const wrong: string[] = [];
  let count = 0;
  try {
    for (const id of pairs) {
      for (const [handle, client] of clients) {
        const answer = await client.raw('GET', `/v1/pairs/${id}/evidence`, 'admin');
        if (answer.status === 404) continue;
        const bundle = join(folder, `${handle}-${id}.json`);
        writeFileSync(bundle, answer.body);
        let said = '';
        const sink = { write: (text: string) => (said += text) };
        const out = { stdout: sink, stderr: sink };
        count += 1;
        const code = await verify([bundle, '--network', networkFile, '--rpc', file.rpcUrl], out);
        if (code !== 0) wrong.push(`${id} from ${handle}: ${said.trim()}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    ok: wrong.length === 0 && (count > 0 || pairs.length === 0),
    text: wrong.length === 0 ? `${count} evidence bundles verify with the chain alone` : wrong.join('; '),
  };
}
