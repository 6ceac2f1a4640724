/** `tandem COMMAND`: the command line. A command gets its arguments and where to write, and gives its exit code. */
import { TandemError } from '../errors.ts';
import { accounts } from './accounts.ts';
import { alarms } from './alarms.ts';
import { audit } from './audit.ts';
import { cap } from './cap.ts';
import { catalogue } from './catalogue.ts';
import { ApiError } from '../api/client.ts';
import { conformance } from './conformance.ts';
import { deposit, withdraw } from './cash.ts';
import { backup } from './backup.ts';
import { doctor } from './doctor.ts';
import { recover } from './recover.ts';
import { resume } from './resume.ts';
import { restore } from './restore.ts';
import { UsageError } from './devnet-file.ts';
import { doubt } from './doubt.ts';
import { discrepancies } from './discrepancies.ts';
import { disclose } from './disclose.ts';
import { erase } from './erase.ts';
import { find } from './find.ts';
import { inbox } from './inbox.ts';
import type { Output } from './output.ts';
import { visible } from './visible.ts';
import { pair } from './pair.ts';
import { request } from './request.ts';
import { send } from './send.ts';
import { setAside } from './set-aside.ts';
import { statement } from './statement.ts';
import { story } from './story.ts';
import { verify } from './verify.ts';
import { nodeUsage } from './which-node.ts';
import { window } from './window.ts';

type Command = (args: readonly string[], out: Output) => Promise<number>;

const commands: Readonly<Record<string, { readonly run: Command; readonly summary: string }>> = {
  send: { run: send, summary: 'FROM TO TEXT              send a message from a user’s phone' },
  inbox: { run: inbox, summary: 'NUMBER [--follow]         messages that a user’s phone has received' },
  pair: { run: pair, summary: 'ID                        a pair as each operator sees it' },
  find: { run: find, summary: '[WHAT …]                  pairs by reference, number, amount, time or text' },
  story: { run: story, summary: 'REF|PAIR                  what happened to a pair, and what comes next' },
  accounts: { run: accounts, summary: '[NUMBER …]                balances and holds, and the operators’ positions' },
  deposit: { run: deposit, summary: 'NUMBER AMOUNT ASSET       pay money into a user’s account, as staff' },
  withdraw: { run: withdraw, summary: 'NUMBER AMOUNT ASSET       pay money out of a user’s account, as staff' },
  doubt: { run: doubt, summary: '[--export FILE]           pairs that are not final, and what happens next' },
  'set-aside': {
    run: setAside,
    summary: '[--send ID]               messages that the gateway refused',
  },
  alarms: { run: alarms, summary: '[--ack CODE]              alarms, and what to do about each' },
  doctor: { run: doctor, summary: '                          compare store, chain and peers' },
  backup: { run: backup, summary: '[--follow | --keys]       back up the store while the node runs' },
  restore: { run: restore, summary: '--from PATH               restore the store from a backup' },
  erase: { run: erase, summary: '--user ID [--messages]    erase a user permanently' },
  recover: {
    run: recover,
    summary: '                          recover a store that may be behind',
  },
  resume: {
    run: resume,
    summary: '[--because TEXT]          resume accepting new work on a halted node',
  },
  verify: { run: verify, summary: 'BUNDLE --network FILE --rpc URL   check an evidence bundle against the chain' },
  audit: {
    run: audit,
    summary: 'scan | positions | report | verify | fetch | answer | sd-jwt   audit against the chain, without a node',
  },
  disclose: {
    run: disclose,
    summary: '--from A --to B --out FILE   write an operator’s disclosure file for an auditor',
  },
  request: {
    run: request,
    summary: 'list | answer | opening   auditors’ requests on the chain, and this operator’s answers',
  },
  discrepancies: {
    run: discrepancies,
    summary: '[--batch ID]            batches whose attestations differ, and the pairs at fault',
  },
  statement: {
    run: statement,
    summary: '--counterparty B --asset SEK --from DAY --to DAY   account statement as camt.053, pacs.009 or CSV',
  },
  window: {
    run: window,
    summary: 'list | close | discharge | payment | compare | export | settle   settlement with other operators',
  },
  cap: { run: cap, summary: '[set …]                   how much two operators may owe each other' },
  smpp: {
    // Loaded by this command alone: the others need nothing of an SMS centre.
    run: async (args, out) => (await import('./smpp.ts')).smpp(args, out),
    summary: '--config FILE             the gateway between a node and SMS centres (docs/sms.md)',
  },
  conformance: {
    run: conformance,
    summary: 'FILE                      compute the commitments of a file of test vectors',
  },
  catalogue: {
    run: catalogue,
    summary: '[FILE]                    check a service catalogue and count SMS segments',
  },
};

/** Commands that had another name. */
const renamed: Readonly<Record<string, string>> = { release: 'resume' };

const help = [
  'usage: tandem COMMAND …',
  '',
  ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`),
  '',
  'FROM, TO and NUMBER are numbers or names of users (anna, or anna@aurora where there are several); TO can be "service".',
  'tandem COMMAND --help shows more. For every command that talks to a node,',
  nodeUsage,
  '',
].join('\n');

export async function main(args: readonly string[], streams: Output): Promise<number> {
  // Names, notes and messages are in what commands print.
  const out: Output = { stdout: { write: (text) => streams.stdout.write(visible(text)) }, stderr: streams.stderr };
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? out.stderr : out.stdout).write(help);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const now = Object.hasOwn(renamed, name) ? renamed[name] : undefined;
    out.stderr.write(
      now === undefined
        ? `tandem: unknown command "${name}".\n\n${help}`
        : `tandem: "${name}" is now called "${now}": tandem ${now} --help\n`,
    );
    return 2;
  }
  try {
    return await command.run(rest, out);
  } catch (error) {
    if (error instanceof UsageError) {
      out.stderr.write(`tandem ${name}: ${error.message}\n`);
      return 2;
    }
    if (error instanceof ApiError || error instanceof TandemError) {
      out.stderr.write(visible(`tandem ${name}: ${error.message} (${error.code})\n`));
      return 1;
    }
    const file = fileFault(error);
    if (file === undefined) return fault(name, error, out);
    out.stderr.write(`tandem ${name}: ${file}\n`);
    return 2;
  }
}

/** No verdict and no misuse has this exit code: the program itself failed. */
const faultExitCode = 4;

function fault(name: string, error: unknown, out: Output): number {
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  out.stderr.write(
    visible(`tandem ${name}: a fault of this program, which says nothing about what it looked at: ${told}\n`),
  );
  return faultExitCode;
}

/** What a system call said of a file that the caller has named: the path is missing, no file, or not to be read. */
function fileFault(error: unknown): string | undefined {
  const { code, path, syscall, message } = error as NodeJS.ErrnoException;
  return code === undefined || path === undefined || syscall === undefined ? undefined : message;
}

if (import.meta.main) {
  process.on('uncaughtException', (error) => {
    process.exit(fault(process.argv[2] ?? '', error, process));
  });
  process.exitCode = await main(process.argv.slice(2), process);
}
