/** The compiler of the npm package, with the settings of the build, on sources some of which are replaced. */
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, '..', '..', '..');

/** Without the metadata's hash, so that equal code is seen to be equal. */
const settings = { evmVersion: 'cancun', metadata: { appendCBOR: false, bytecodeHash: 'none' } };
/** As in hardhat.config.ts; three times slower than `plain`. */
export const optimised = { enabled: true, runs: 1_000_000 };
const plain = { enabled: false };

interface Solc {
  compile(input: string, callbacks: { import: (path: string) => { contents: string } | { error: string } }): string;
}

export interface AstNode {
  readonly nodeType: string;
  /** `start:length:file`, in bytes. */
  readonly src: string;
  readonly [field: string]: unknown;
}

interface Output {
  readonly errors?: readonly { severity: string; formattedMessage: string }[];
  readonly sources?: Readonly<Record<string, { ast: AstNode }>>;
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, { evm: { bytecode: { object: string } } }>>>>;
}

let solc: Solc | undefined;
const texts = new Map<string, string>();

function textOf(path: string): { contents: string } | { error: string } {
  const known = texts.get(path);
  if (known !== undefined) return { contents: known };
  const file = path.startsWith('@') ? join(root, 'node_modules', path) : join(root, path);
  if (!existsSync(file)) return { error: `no ${path}` };
  const contents = readFileSync(file, 'utf8');
  texts.set(path, contents);
  return { contents };
}

function compile(
  path: string,
  replaced: ReadonlyMap<string, string>,
  selection: unknown,
  optimizer: typeof optimised | typeof plain = plain,
): Output {
  solc ??= require('solc') as Solc;
  const input = {
    language: 'Solidity',
    sources: { [path]: { content: replaced.get(path) ?? readFileSync(join(root, path), 'utf8') } },
    settings: { ...settings, optimizer, outputSelection: selection },
  };
  const output = solc.compile(JSON.stringify(input), {
    import: (imported) => {
      const contents = replaced.get(imported);
      return contents === undefined ? textOf(imported) : { contents };
    },
  });
  return JSON.parse(output) as Output;
}

/** @throws with the compiler's messages. */
export function astOf(path: string): AstNode {
  const output = compile(path, new Map(), { '*': { '': ['ast'] } });
  const ast = output.sources?.[path]?.ast;
  if (ast === undefined) throw new Error((output.errors ?? []).map((error) => error.formattedMessage).join('\n'));
  return ast;
}

/** @returns the creation code, or undefined where it does not compile. */
export function codeOf(
  contract: string,
  replaced: ReadonlyMap<string, string>,
  optimizer: typeof optimised | typeof plain = plain,
): string | undefined {
  const path = `contracts/${contract}.sol`;
  const output = compile(path, replaced, { [path]: { [contract]: ['evm.bytecode.object'] } }, optimizer);
  const code = output.contracts?.[path]?.[contract]?.evm.bytecode.object;
  return code === undefined || code === '' ? undefined : `0x${code}`;
}
