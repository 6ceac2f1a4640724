/**
 * Sizes, storage layouts and the compiler's warnings, as `snapshots/bytecode.json`, `snapshots/storage.json` and
 * `snapshots/warnings.json`. `node scripts/run.mjs scripts/contracts/snapshot-build.ts` writes them; a test compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

import { contractNames } from './deployment.ts';

const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, '..', '..');

interface Solc {
  compile(input: string, callbacks: { import: (path: string) => { contents: string } }): string;
}

interface Variable {
  readonly label: string;
  readonly slot: string;
  readonly offset: number;
  readonly type: string;
}

interface Layout {
  readonly storage: readonly Variable[];
  readonly types: Readonly<
    Record<string, { label: string; numberOfBytes: string; members?: readonly Variable[]; value?: string }>
  > | null;
}

interface Output {
  readonly errors?: readonly {
    severity: string;
    message: string;
    sourceLocation?: { file: string };
  }[];
  readonly contracts: Readonly<
    Record<string, Record<string, { storageLayout: Layout; evm: { bytecode: Code; deployedBytecode: Code } }>>
  >;
}

interface Code {
  readonly object: string;
}

export interface BuildSnapshot {
  /** Bytes of deployed code and of creation code. */
  readonly bytecode: Readonly<Record<string, { deployed: number; creation: number }>>;
  /** By contract, one line for each variable and member of a struct: slot, first byte in it, type, name. */
  readonly storage: Readonly<Record<string, readonly string[]>>;
  /** By file, the compiler's warnings, each once. Of the project's own sources there are none. */
  readonly warnings: Readonly<Record<string, readonly string[]>>;
}

/** @returns what the build's settings give for the sources as they are. */
export function snapshotBuild(): BuildSnapshot {
  const solc = require('solc') as Solc;
  const paths = contractNames.map((name) => `contracts/${name}.sol`);
  const read = (path: string): string =>
    readFileSync(path.startsWith('@') ? join(root, 'node_modules', path) : join(root, path), 'utf8');
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(paths.map((path) => [path, { content: read(path) }])),
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 1_000_000 },
      outputSelection: {
        '*': { '*': ['storageLayout', 'evm.bytecode.object', 'evm.deployedBytecode.object'] },
      },
    },
  };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (path) => ({ contents: read(path) }) }),
  ) as Output;

  const bytecode: Record<string, { deployed: number; creation: number }> = {};
  const storage: Record<string, string[]> = {};
  for (const name of contractNames) {
    const built = output.contracts[`contracts/${name}.sol`]?.[name];
    if (built === undefined) throw new Error(`${name} does not compile: ${JSON.stringify(output.errors)}`);
    const { evm, storageLayout } = built;
    bytecode[name] = { deployed: evm.deployedBytecode.object.length / 2, creation: evm.bytecode.object.length / 2 };
    storage[name] = layoutOf(storageLayout);
  }
  const warnings: Record<string, string[]> = {};
  for (const { message, sourceLocation } of output.errors ?? []) {
    const file = sourceLocation?.file ?? 'the compiler';
    const known = (warnings[file] ??= []);
    if (!known.includes(message)) known.push(message);
  }
  return { bytecode, storage, warnings };
}

function layoutOf({ storage, types }: Layout): string[] {
  const lines: string[] = [];
  const seen = new Set<string>();
  const nameOf = (type: string): string => types?.[type]?.label ?? type;
  const line = (indent: string, { slot, offset, type, label }: Variable): string =>
    `${indent}slot ${slot} byte ${offset}: ${nameOf(type)} ${label}`;
  const visit = (type: string): void => {
    const found = types?.[type];
    if (found === undefined || seen.has(type)) return;
    seen.add(type);
    if (found.members !== undefined) {
      lines.push(`${found.label}, ${found.numberOfBytes} bytes`);
      for (const member of found.members) lines.push(line('  ', member));
      for (const member of found.members) visit(member.type);
    }
    if (found.value !== undefined) visit(found.value);
  };
  for (const variable of storage) lines.push(line('', variable));
  for (const { type } of storage) visit(type);
  return lines;
}

/** The text that `snapshots/<name>.json` must have. */
export async function renderSnapshot(value: unknown, file: string): Promise<string> {
  const options = await resolveConfig(file);
  return format(JSON.stringify(value), { ...options, filepath: file });
}

export const snapshotFile = (name: keyof BuildSnapshot): string => join(root, 'snapshots', `${name}.json`);

if (import.meta.main) {
  for (const [name, value] of Object.entries(snapshotBuild())) {
    const file = snapshotFile(name as keyof BuildSnapshot);
    writeFileSync(file, await renderSnapshot(value, file));
  }
}
