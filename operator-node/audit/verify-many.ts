/** Many evidence bundles, one after another as they come from disk: each by itself, and none against another. */
import type { Dir, Stats } from 'node:fs';
import { opendir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditBlock, AuditChain } from './audit-chain.ts';
import { openRecords } from './records.ts';
import { maxExcerptBytes, saysExcerpt } from './journal/excerpt.ts';
import { verifyExcerpt, type ExcerptVerification } from './journal/verify.ts';
import { parseBundle, type EvidenceBundle } from './format.ts';
import type { Hash } from '../model/ids.ts';
import { TandemError } from '../errors.ts';
import { contractsAt } from './contracts.ts';
import { pinsAt } from './pins.ts';
import { finalBlock } from './settled.ts';
import type { AuditNetwork } from '../model/network-file.ts';
import type { Findings } from './scan/findings.ts';
import { pairKey, Seen } from './scan/seen.ts';
import { openSdJwt } from './sd-jwt.ts';
import { verifyBundle, type Verification } from './verify.ts';

/** Bundles that wait for the chain at the same time. */
const atOnce = 16;
/** Answers of the chain that are kept: bundles of one batch ask the same. */
const keptAnswers = 4_096;

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    throw new TandemError('not-found', `Cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** What is in a folder, to any depth; a folder that cannot be opened comes itself, so that it is told. */
async function* filesIn(folder: string): AsyncGenerator<string> {
  let entries: Dir;
  try {
    entries = await opendir(folder);
  } catch {
    yield folder;
    return;
  }
  for await (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

/** The files named, and those in the folders named, to any depth, one by one. @throws {TandemError} `not-found` */
export async function* bundleFiles(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    if ((await statOf(path)).isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

/** The same chain asked each thing once, and from one newest block on: all bundles are judged at the same time. */
export function steady(chain: AuditChain): AuditChain {
  const answers = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = answers.get(key);
    if (known !== undefined) return known as Promise<T>;
    const asked = ask();
    answers.set(key, asked);
    asked.catch(() => answers.delete(key));
    if (answers.size > keptAnswers) {
      const [oldest] = answers.keys();
      if (oldest !== undefined) answers.delete(oldest);
    }
    return asked;
  };
  const newest = new Map<string, Promise<AuditBlock | undefined>>();
  const head = (tag: 'latest' | 'finalized'): Promise<AuditBlock | undefined> => {
    const known = newest.get(tag) ?? chain.block(tag);
    newest.set(tag, known);
    return known;
  };
  return {
    chainId: () => once('chainId', () => chain.chainId()),
    block: (at) => (typeof at === 'number' ? once(`block ${at}`, () => chain.block(at)) : head(at)),
    code: (address, at) => once(`code ${address} ${at}`, () => chain.code(address, at)),
    call: (to, data, at) => once(`call ${to} ${data} ${at}`, () => chain.call(to, data, at)),
    logs: (address, at) => once(`logs ${address} ${at}`, () => chain.logs(address, at)),
    history: (address, topic, from, to) =>
      once(`history ${address} ${topic} ${from} ${to}`, () => chain.history(address, topic, from, to)),
  };
}

export interface ManyResult {
  readonly passed: number;
  readonly failed: number;
  readonly unpinned: number;
  /** Where there are any: the endpoint had no answer to what they name, or the file could not be read. */
  readonly unchecked?: number;
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

function note(file: string, { verdict, checks }: Verification, findings: Findings): void {
  if (verdict === 'PASS') return;
  if (verdict === 'UNPINNED') {
    findings.add('bundle-unpinned', `${file}: it agrees with itself; no network file says which chain to ask`, {
      file,
    });
    return;
  }
  for (const { name, status, found } of checks) {
    if (status !== 'failed') continue;
    const foreign = (name === 'network' && found.startsWith('the bundle’s')) || name === 'batch-id';
    findings.add(foreign ? 'bundle-foreign' : 'bundle-invalid', `${file}: ${name}: ${found}`, { file, check: name });
  }
}

function noteExcerpt(file: string, { verdict, checks }: ExcerptVerification, findings: Findings): void {
  if (verdict === 'UNPINNED') {
    findings.add('bundle-unpinned', `${file}: it leads to its head; no network file says which chain to ask`, { file });
  }
  for (const { name, status, found } of checks) {
    if (status !== 'failed') continue;
    const code =
      name === 'times'
        ? 'journal-misdated'
        : name === 'anchor' || name === 'path'
          ? 'journal-unanchored'
          : 'journal-invalid';
    findings.add(code, `${file}: ${name}: ${found}`, { file, check: name });
  }
}

const valuesOf = (bundle: EvidenceBundle): Readonly<Record<string, string>> => {
  const { records } = openRecords(bundle);
  return Object.fromEntries(
    (['terms', 'first', 'second'] as const).flatMap((record) =>
      Object.entries(records?.[record]?.values ?? {}).map(([field, value]) => [`${record}.${field}`, value]),
    ),
  );
};

/**
 * Two bundles of one pair: the same place, and nothing said twice differently. Values are not told: they may be
 * personal.
 */
function compare(
  file: string,
  bundle: EvidenceBundle,
  other: string,
  before: EvidenceBundle,
  findings: Findings,
): void {
  const contradict = (what: string): void =>
    findings.add('bundles-contradict', `${file} and ${other} are of pair ${bundle.leaf.pair} and differ in ${what}`, {
      file,
      other,
      pair: bundle.leaf.pair,
      what,
    });
  const placeOf = ({ batchId, index, leaf }: EvidenceBundle) => JSON.stringify([batchId, index, leaf]);
  if (placeOf(bundle) !== placeOf(before)) contradict('its place: batch, index or leaf');
  const known = valuesOf(before);
  for (const [field, value] of Object.entries(valuesOf(bundle))) {
    if (known[field] !== undefined && known[field] !== value) contradict(field);
  }
}

/** A JWT's header begins with a brace and a quotation mark; no bundle begins so in base64url. */
const sdJwtStart = 'eyJ';

/** Which chain is asked, and as which network. */
interface Pinned {
  readonly network: AuditNetwork;
  readonly chain: AuditChain;
}

/**
 * The key that signed an SD-JWT was a pin of that operator at the batch's block. @throws {TandemError}
 * `chain-unavailable`
 */
async function pinFaultOf(
  { network, chain }: Pinned,
  text: string,
  { pin, operator }: { readonly pin: Hash; readonly operator: number },
): Promise<string | undefined> {
  const parsed = parseBundle(text);
  if (!parsed.ok) return parsed.reason;
  const final = await finalBlock(chain, contractsAt(chain, network.contracts), network);
  if (final === undefined) return 'the endpoint has no block that is final by the network’s rule';
  const { firstBlock, contracts } = network;
  const { block } = parsed.bundle.prepared;
  const pins = await pinsAt(chain, { operator, address: contracts.OperatorRegistry, firstBlock, block, final });
  return pins.includes(pin)
    ? undefined
    : `it is signed by the key ${pin}; the registry had ${pins.join(', ')} for operator ${operator}`;
}

interface Unwrapped {
  /** The bundle's text: of an SD-JWT, the one that it was made of. */
  readonly text: string;
  readonly sealed?: { readonly pin: Hash; readonly operator: number };
}

class ManyFiles {
  readonly #chain: Pinned | undefined;
  readonly #findings: Findings;
  readonly #onProgress: ((done: number) => void) | undefined;
  readonly #seen = new Seen(1024);
  /** The files whose pairs were seen, in the order in which they were seen. */
  readonly #names: string[] = [];
  readonly #counts = { PASS: 0, FAIL: 0, UNPINNED: 0 };
  #unchecked = 0;
  #done = 0;

  constructor(chain: Pinned | undefined, findings: Findings, onProgress: ((done: number) => void) | undefined) {
    this.#chain = chain;
    this.#findings = findings;
    this.#onProgress = onProgress;
  }

  /** What is wrong with one is a finding about it. */
  async check(files: AsyncIterator<string>): Promise<void> {
    for (let next = await files.next(); next.done !== true; next = await files.next()) {
      const file = next.value;
      try {
        await this.#checkOne(file);
      } catch (error) {
        this.#unchecked += 1;
        this.#findings.add('not-checked', `${file}: ${(error as Error).message}`, { file });
      }
    }
  }

  async #checkOne(file: string): Promise<void> {
    const found = await stat(file);
    // A pipe would be waited for.
    if (!found.isFile())
      throw new TypeError(found.isDirectory() ? 'the folder cannot be read' : 'it is no regular file');
    const { size } = found;
    if (size > maxExcerptBytes) {
      this.#counts.FAIL += 1;
      const sentence = `${file}: form: it has ${size} bytes; nothing that is checked here has as many`;
      this.#findings.add('bundle-invalid', sentence, { file, check: 'form' });
      return;
    }
    const given = decode(await readFile(file));
    if (saysExcerpt(given)) {
      const verification = await verifyExcerpt(given, this.#chain);
      this.#counts[verification.verdict] += 1;
      noteExcerpt(file, verification, this.#findings);
      this.#progress();
      return;
    }
    const unwrapped = this.#unwrap(file, given);
    this.#progress();
    if (unwrapped === undefined) this.#counts.FAIL += 1;
    else await this.#checkBundle(file, unwrapped);
  }

  async #checkBundle(file: string, { text, sealed }: Unwrapped): Promise<void> {
    const verification = await verifyBundle(text, this.#chain);
    const pinFault =
      sealed === undefined || this.#chain === undefined || verification.verdict !== 'PASS'
        ? undefined
        : await pinFaultOf(this.#chain, text, sealed);
    if (pinFault !== undefined) {
      this.#findings.add('bundle-invalid', `${file}: SD-JWT: pin: ${pinFault}`, { file, check: 'pin' });
    }
    this.#counts[pinFault === undefined ? verification.verdict : 'FAIL'] += 1;
    note(file, verification, this.#findings);
    const parsed = parseBundle(text);
    if (parsed.ok) await this.#compareWithEarlier(file, parsed.bundle);
  }

  /** Two bundles of one pair must say the same. */
  async #compareWithEarlier(file: string, bundle: EvidenceBundle): Promise<void> {
    const before = this.#seen.firstOf(...pairKey(bundle.leaf.pair), this.#names.length);
    const other = before === undefined ? undefined : this.#names[before];
    if (other === undefined) {
      this.#names.push(file);
      return;
    }
    const known = parseBundle(this.#unwrap(other, decode(await readFile(other)))?.text ?? '');
    if (known.ok) compare(file, bundle, other, known.bundle, this.#findings);
  }

  /** Undefined where an SD-JWT is refused. */
  #unwrap(file: string, text: string): Unwrapped | undefined {
    if (!text.startsWith(sdJwtStart)) return { text };
    const opened = openSdJwt(text.trimEnd());
    if (opened.ok) return { text: opened.bundle, sealed: opened };
    const sentence = `${file}: SD-JWT: ${opened.fault}: ${opened.found}`;
    this.#findings.add('bundle-invalid', sentence, { file, check: opened.fault });
    return undefined;
  }

  #progress(): void {
    this.#done += 1;
    this.#onProgress?.(this.#done);
  }

  get result(): ManyResult {
    return {
      passed: this.#counts.PASS,
      failed: this.#counts.FAIL,
      unpinned: this.#counts.UNPINNED,
      ...(this.#unchecked === 0 ? {} : { unchecked: this.#unchecked }),
    };
  }
}

/**
 * Several files at once; what is wrong with one is a finding about it.
 * @throws {TandemError} `chain-unavailable` where the endpoint does not even say which block is the newest
 */
export async function verifyMany(
  files: AsyncIterable<string>,
  pinned: Pinned | undefined,
  findings: Findings,
  onProgress?: (done: number) => void,
): Promise<ManyResult> {
  const chain = pinned === undefined ? undefined : { network: pinned.network, chain: steady(pinned.chain) };
  await chain?.chain.block('latest');
  const many = new ManyFiles(chain, findings, onProgress);
  const iterator = files[Symbol.asyncIterator]();
  await Promise.all(Array.from({ length: atOnce }, () => many.check(iterator)));
  return many.result;
}
