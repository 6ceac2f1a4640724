/** `tandem doubt`: every pair of a node that is not final, and the one step that may come next. */
import { readFileSync, writeFileSync } from 'node:fs';
import { doubtSigner, nextSteps, type Doubt } from '../recovery/doubt.ts';
import { counted } from '../model/counted.ts';
import { parseCommand, print } from './arguments.ts';
import { UsageError, withClient } from './devnet-file.ts';
import { table } from './format.ts';
import type { Output } from './output.ts';
import { staffNode, staffOptions, staffUsage } from './staff.ts';

const usage = `usage: tandem doubt (--config FILE | --operator HANDLE) [--export FILE] [--json]
       tandem doubt --check FILE
${staffUsage}
  --export FILE      write the list, signed by the operator's signer, for the counterparty or the regulator
  --check FILE       whose key has signed such a file`;

export async function doubt(args: readonly string[], out: Output): Promise<number> {
  const options = { ...staffOptions, export: { type: 'string' }, check: { type: 'string' } } as const;
  const { values } = parseCommand(usage, args, options, { min: 0, max: 0 });
  if (values.help) {
    out.stdout.write(`${usage}\n`);
    return 0;
  }
  if (values.check !== undefined) return check(values.check, values.json, out);
  const { access } = staffNode(values);
  return withClient(access, async (client) => {
    if (values.export !== undefined) {
      const file = await client.doubtFile();
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

function check(file: string, json: boolean, out: Output): number {
  let found: ReturnType<typeof doubtSigner>;
  try {
    found = doubtSigner(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(`${file} is no signed in-doubt list: ${(cause as Error).message}`, { cause });
  }
  const { doubt: list, signer } = found;
  const { operator, at, chainId, settlement, pairs } = list;
  print(out, json, { operator, at, signer: signer ?? null, pairs: pairs.length }, () =>
    signer === undefined
      ? 'The signature is no signature of this content.'
      : `Operator ${operator} at ${at}: ${counted(pairs.length, 'pair')}. Signed by ${signer}: compare it with the signers of operator ${operator} in the registry of contract ${settlement} on chain ${chainId}.`,
  );
  return signer === undefined ? 1 : 0;
}

function text({ pairs, block, halted, recovering }: Doubt): string {
  const where = block === undefined ? 'The chain is out of reach.' : `As of final block ${block.number}.`;
  const mode = recovering ? ' In recovery.' : halted ? ' Halted: begins nothing new.' : '';
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
