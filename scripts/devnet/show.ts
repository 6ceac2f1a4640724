/** What a new devnet shows: the recorded conversation, payments between all its operators, and the checks after them. */
import { verify } from '../../operator-node/cli/verify.ts';
import type { DevnetFile } from '../../operator-node/cli/devnet-file.ts';
import { blockNumber } from './chain.ts';
import { ChainWatch, type AnchoredBatch } from './chain-watch.ts';
import {
  bundlesVerify,
  lanesUsed,
  mirror,
  noHolds,
  pairOutcomes,
  readBooks,
  sumsConstant,
  type Finding,
} from './checks.ts';
import { consortium } from './consortium.ts';
import type { Description } from './description.ts';
import type { Devnet } from './devnet.ts';
import { DevnetError } from './layout.ts';
import { Player, type Played } from './play.ts';
import { namesIn, readRecording, type Recording } from './recording.ts';
import { playRound, type Round } from './round.ts';
import type { Screen } from './screen.ts';
import { until } from './wait.ts';

/** Holds, attestations and the last confirmations follow a scene within a few blocks. */
const quietMillis = 30_000;

/** The recording of a description, whose people must all be of it. @throws {DevnetError} */
export function recordingOf({ recording: file, users, file: description }: Description): Recording | undefined {
  if (file === undefined) return undefined;
  let recording: Recording;
  try {
    recording = readRecording(file);
  } catch (error) {
    throw new DevnetError((error as Error).message, { cause: error });
  }
  const people = new Set(users.map(({ user }) => user.name.split(' ')[0]?.toLowerCase()));
  const unknown = [...namesIn(recording)].filter((name) => !people.has(name));
  if (unknown.length === 0) return recording;
  throw new DevnetError(
    `${file} names ${unknown.join(', ')}, who is not among the users of ${description}: add a user with that first ` +
      'name, or leave recording out.',
  );
}

/** Says on the screen what happens. @returns whether everything came out as it must */
export async function showDevnet(devnet: Devnet, description: Description, screen: Screen): Promise<boolean> {
  const recording = recordingOf(description);
  const file = await devnet.describe();
  const watch = new ChainWatch({
    rpcUrl: file.rpcUrl,
    contract: file.contracts.PairSettlement,
    fromBlock: await blockNumber(devnet.layout),
    handleOf: (id) => file.operators.find((each) => each.id === id)?.handle ?? String(id),
    say: (text) => screen.chain(text),
  });
  watch.start();
  try {
    const before = await readBooks(file, devnet.clients);
    const played = recording === undefined ? undefined : await new Player(devnet, file, screen).play(recording);
    // Between two the recorded conversation goes both ways already.
    const round =
      recording === undefined || file.operators.length > 2
        ? await playRound(devnet, await devnet.describe(), description, screen)
        : undefined;
    screen.scene('Checks');
    const findings = await findingsOf(devnet, file, { watch, played, round, before });
    for (const { ok, text } of findings) screen.check(ok, text);
    return findings.every(({ ok }) => ok);
  } finally {
    watch.stop();
  }
}

interface Shown {
  readonly watch: ChainWatch;
  readonly played: Played | undefined;
  readonly round: Round | undefined;
  readonly before: Awaited<ReturnType<typeof readBooks>>;
}

async function findingsOf(
  devnet: Devnet,
  file: DevnetFile,
  { watch, played, round, before }: Shown,
): Promise<readonly Finding[]> {
  await until(
    async () => {
      await watch.read();
      const open = [...watch.batches.values()].some((batch) => !batch.reconciled && !batch.discrepancy);
      return open ? undefined : true;
    },
    { timeoutMillis: quietMillis, everyMillis: 200, failure: () => 'not every batch was reconciled' },
  ).catch(() => {});
  const after = await readBooks(file, devnet.clients);
  const pairs = new Set([...(played?.pairs ?? []), ...(round?.pairs ?? [])]);
  const outcomes = await pairOutcomes(file, devnet.clients, pairs);
  const batches = [...watch.batches.values()];
  const unreconciled = batches.filter((batch) => !batch.reconciled).length;
  return [
    ...(played === undefined ? [] : [asRecorded(played)]),
    ...(round === undefined ? [] : roundFindings(round, file, batches)),
    ...(file.operators.length > 2 ? [await consortium(file)] : []),
    noHolds(after),
    sumsConstant(before, after, file),
    mirror(after),
    ...outcomes.findings,
    {
      ok: unreconciled === 0,
      text:
        unreconciled === 0
          ? `${batches.length} batches are reconciled on chain`
          : `${unreconciled} of ${batches.length} batches are not reconciled on chain`,
    },
    await bundlesVerify(verify, devnet.layout.networkFile, file, devnet.clients, outcomes.committed),
  ];
}

const asRecorded = ({ faults, messages }: Played): Finding => ({
  ok: faults.length === 0,
  text:
    faults.length === 0
      ? `${messages} messages came out as recorded`
      : `${faults.length} messages came out otherwise than recorded`,
});

function roundFindings(round: Round, file: DevnetFile, batches: readonly AnchoredBatch[]): Finding[] {
  const { faults, lanes, without } = round;
  const payable = (from: string, to: string): boolean => lanes.some((lane) => lane.from === from && lane.to === to);
  return [
    {
      ok: faults.length === 0 && lanes.length > 0,
      text:
        faults.length > 0
          ? `between all operators: ${faults.join('; ')}`
          : `${lanes.length} payments between all operators have settled` +
            (without.length === 0 ? '' : ` (nobody can pay along these lanes: ${without.join(', ')})`),
    },
    lanesUsed(file.operators, batches, payable),
  ];
}
