/** `tandem doubt`: every pair of a node that is not final, and the one step that may come next. */
import { readFileSync, writeFileSync } from 'node:fs';
import { checkDoubt, readDoubt, type DoubtFile } from '../audit/doubt.ts';
import { parseNetwork } from '../model/network-file.ts';
import { rpcAuditChain } from '../audit/rpc-audit-chain.ts';
import { parseJson } from '../json.ts';
import { nextSteps, type Doubt } from '../audit/doubt-list.ts';
import { doubtSigner } from '../recovery/doubt.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError } from './devnet-file.ts';
import { table } from './format.ts';
import type { Output } from './output.ts';
import { nodeOptions, nodeUsage, withNode } from './which-node.ts';

const usage = `usage: tandem doubt [which node] [--export FILE] [--json]
       tandem doubt --check FILE --network FILE --rpc URL [--json]
  --export FILE      write the list, signed with the operator's signer key, for the counterparty or the regulator
  --check FILE       check such a file against the chain, without a node: who signed it, and whether the chain agrees about
                     each batch and pair; exit code 1 if not. Without --network it only shows whose key signed it
${nodeUsage}`;

export async function doubt(args: readonly string[], out: Output): Promise<number> {
  const options = {
    ...nodeOptions,
    export: { type: 'string' },
    check: { type: 'string' },
    network: { type: 'string' },
    rpc: { type: 'string' },
  } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  if (values.check !== undefined) return check(values.check, values, out);
  if (values.network !== undefined || values.rpc !== undefined) {
    throw new UsageError(`--network and --rpc belong to --check.\n${usage}`);
  }
  return withNode(values, async (client) => {
    if (values.export !== undefined) {
      const file = await client.text('doubt', { signed: 'true' });
      writeFileSync(values.export, file, { mode: 0o600 });
      const { doubt: list, signer } = doubtSigner(file);
      print(
        out,
        values.json,
        { file: values.export, pairs: list.pairs.length, signer },
        () => `${counted(list.pairs.length, 'pair')} in ${values.export ?? ''}, signed by ${signer ?? 'nobody'}.`,
      );
      return 0;
    }
    const list = await client.doubt();
    print(out, values.json, list, () => text(list));
    return 0;
  });
}

interface CheckValues {
  readonly json: boolean;
  readonly network?: string | undefined;
  readonly rpc?: string | undefined;
}

async function check(file: string, { json, network, rpc }: CheckValues, out: Output): Promise<number> {
  let found: DoubtFile;
  try {
    found = readDoubt(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(`${file} is not a signed in-doubt list: ${(cause as Error).message}`, { cause });
  }
  const { list, signer } = found;
  const { operator, at, chainId, settlement, pairs } = list;
  const head = { operator, at, signer: signer ?? null, pairs: pairs.length };
  if (network === undefined && rpc === undefined) {
    print(out, json, head, () =>
      signer === undefined
        ? 'The signature does not match the content.'
        : `Operator ${operator} at ${at}: ${counted(pairs.length, 'pair')}. Signed by ${signer}. Not compared with contract ${settlement} on chain ${chainId}: that needs --network and --rpc.`,
    );
    return signer === undefined ? 1 : 0;
  }
  if (network === undefined || rpc === undefined) throw new UsageError(`--network and --rpc go together.\n${usage}`);
  if (!URL.canParse(rpc) || !/^https?:/.test(rpc)) throw new UsageError(`--rpc ${rpc} must be an http or https URL.`);
  const checked = await checkDoubt(found, { network: networkOf(network), chain: rpcAuditChain(rpc) });
  const wrong = checked.findings.filter(({ ok }) => !ok).length;
  print(
    out,
    json,
    { ...head, final: checked.final?.number ?? null, findings: checked.findings, now: checked.pairs },
    () =>
      [
        `Operator ${operator} at ${at}: ${counted(pairs.length, 'pair')}, against final block ${checked.final?.number ?? 'none'}.`,
        ...checked.findings.map(({ what, id, ok, says }) => `${ok ? 'ok   ' : 'WRONG'} ${what} ${id}: ${says}`),
        wrong === 0 ? 'The chain agrees with the list.' : `${counted(wrong, 'finding')} against the list.`,
      ].join('\n'),
  );
  return wrong === 0 ? 0 : 1;
}

function networkOf(file: string): ReturnType<typeof parseNetwork> {
  let value: unknown;
  try {
    value = parseJson(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(`${file} is not a network file: ${(cause as Error).message}`, { cause });
  }
  return parseNetwork(value);
}

function text({ pairs, block, halted, recovering }: Doubt): string {
  const where = block === undefined ? 'The chain cannot be reached.' : `As of final block ${block.number}.`;
  const mode = recovering ? ' In recovery.' : halted ? ' Halted: starts nothing new.' : '';
  if (pairs.length === 0) return `Every pair is final. ${where}${mode}`;
  const mark = (signed: boolean): string => (signed ? 'signed' : '–');
  const rows = pairs.map((pair) => [
    pair.pair,
    pair.role,
    String(pair.peer),
    pair.reason === undefined ? pair.state : `${pair.state} (${pair.reason})`,
    mark(pair.signed.own),
    mark(pair.signed.peer),
    pair.decision ?? '–',
    pair.chain,
    `${pair.openSeconds} s`,
    pair.deadline,
    pair.next,
  ]);
  const head = ['pair', 'role', 'peer', 'state', 'we', 'peer', 'decided', 'chain', 'open', 'deadline', 'next'];
  const steps = [...new Set(pairs.map(({ next }) => next))].map((next) => `  ${next}: ${nextSteps[next]}`);
  return [table([head, ...rows], [8]), '', ...steps, '', `${counted(pairs.length, 'pair')}. ${where}${mode}`].join(
    '\n',
  );
}
