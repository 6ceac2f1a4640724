/**
 * Makes a checkout ready to run: dependencies, a Node runtime new enough, compiled contracts. Each step is skipped when
 * a stamp says that it was done for the same input, so that the second time costs a few milliseconds. Plain JavaScript
 * without dependencies: this file runs on the machine's own Node, from 20 on, before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chooseNode, secureReleases, testedMajor } from './runtime.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const oldestHostNode = 20;
/** npm that runs under an older Node leaves out the optional packages that want a newer one (Hardhat's EDR). */
const oldestNodeForInstall = [22, 12];
const nodeWanted =
  `Node ${secureReleases[testedMajor]} or newer of the ${testedMajor} line ` +
  `(https://nodejs.org/dist/latest-v${testedMajor}.x/)`;

const dependencyStamp = join(root, 'node_modules', '.tandem-setup');
const contractStamp = join(root, '.runtime', 'contracts-setup');

/** A step that failed, with what to do about it. */
export class SetupError extends Error {}

const say = (text) => process.stderr.write(`[setup] ${text}\n`);
const readIfThere = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
const manifest = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** The machine's own Node, of a nightly build too. */
const hostVersion = () => process.versions.node.split('.', 2).map(Number);

/** Names under which the Node runtime for this machine is published, and its binary's place in the package. */
function runtimePackages() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`];
}

const binaryIn = (name) => join(root, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** The runtime package that is installed here, if any. */
function installedRuntime() {
  for (const name of runtimePackages()) {
    const described = readIfThere(join(root, 'node_modules', name, 'package.json'));
    const path = binaryIn(name);
    if (described !== undefined && existsSync(path)) return [{ path, version: JSON.parse(described).version }];
  }
  return [];
}

/** The Node that runs the project: the installed one or the machine's own. */
export function projectNode() {
  const candidates = [...installedRuntime(), { path: process.execPath, version: process.versions.node }];
  const chosen = chooseNode(candidates);
  if (chosen !== undefined) return chosen.path;
  const found = candidates.map(({ version, path }) => `${version} (${path})`).join(' and ');
  throw new SetupError(
    `Found Node ${found}: too old, or without the security releases of its line. ` +
      `Install ${nodeWanted} and run the same command with it.`,
  );
}

/** The environment for everything that is started: the project's own Node and tools come first. */
export function projectEnvironment(node = projectNode()) {
  const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  return { ...process.env, PATH: path };
}

/** Packages that npm may leave out without a word though this machine needs them. */
function missingPlatformParts() {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch] ?? process.arch;
  const parts = [];
  const anvil = join(root, 'node_modules', '@foundry-rs', `anvil-${process.platform}-${arch}`);
  if (!existsSync(anvil)) parts.push(`@foundry-rs/anvil-${process.platform}-${arch}`);
  const nomic = join(root, 'node_modules', '@nomicfoundation');
  const edr = existsSync(nomic) && readdirSync(nomic).some((name) => name.startsWith(`edr-${process.platform}-`));
  if (!edr) parts.push(`@nomicfoundation/edr-${process.platform}-${process.arch}`);
  return parts;
}

/** True where npm itself, run by hand, has put exactly what the lock file says into node_modules. */
function installedAsLocked(lock) {
  const hidden = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (hidden === undefined) return false;
  const installed = JSON.parse(hidden).packages ?? {};
  const locked = JSON.parse(lock).packages ?? {};
  for (const [path, entry] of Object.entries(locked)) {
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined ? !entry.optional : found.version !== entry.version) return false;
  }
  return missingPlatformParts().length === 0;
}

/** npm's own command line, to be started without a shell. */
function runNpm(tool, args) {
  const result = spawnSync(process.platform === 'win32' ? `${tool}.cmd` : tool, args, {
    cwd: root,
    // npm's output goes to stderr: stdout belongs to the command that was asked for.
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_fund: 'false', npm_config_audit: 'false', npm_config_update_notifier: 'false' },
  });
  if (result.error?.code === 'ENOENT') throw new SetupError(`There is no ${tool} on this machine: install npm.`);
  return result.status ?? 1;
}

function ensureDependencies() {
  const lockFile = join(root, 'package-lock.json');
  const lock = readIfThere(lockFile);
  if (lock === undefined) throw new SetupError('package-lock.json is missing: this is not a whole checkout.');
  const wanted = createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
  if (readIfThere(dependencyStamp) === wanted) return;
  if (!installedAsLocked(lock)) {
    const again = existsSync(join(root, 'node_modules'));
    say(`${again ? 'Dependencies have changed: installing' : 'Installing dependencies'} (npm ci; a minute or two) …`);
    const status = npmCleanInstall();
    if (status !== 0) {
      throw new SetupError(
        `npm ci ended with exit code ${status}. Its messages are above; the usual causes are no network, a registry or ` +
          'proxy setting of npm (npm config get registry), or a full disk. Mend that and run the same command again.',
      );
    }
    const missing = missingPlatformParts();
    if (missing.length > 0) {
      throw new SetupError(
        `npm left out ${missing.join(' and ')}, which this machine needs (devnet chain, contract compiler and tests). ` +
          'Is this platform one of those that they are published for? If so: rm -rf node_modules, then again.',
      );
    }
    say('Dependencies are installed.');
  }
  writeFileSync(dependencyStamp, wanted);
}

function npmCleanInstall() {
  const install = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const [major, minor] = hostVersion();
  const [oldMajor, oldMinor] = oldestNodeForInstall;
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return runNpm('npm', install);
  const pinned = manifest().optionalDependencies;
  const name = runtimePackages().find((candidate) => pinned[candidate] !== undefined);
  if (name === undefined) {
    throw new SetupError(
      `Node ${process.versions.node} is too old to install with, and no newer one is published for ${process.platform} ` +
        `${process.arch}: install ${nodeWanted} and run the same command with it.`,
    );
  }
  say(`This is Node ${process.versions.node}; npm is run with Node ${pinned[name]}.`);
  return runNpm('npx', ['-y', '-p', `${name}@${pinned[name]}`, 'npm', ...install]);
}

/** Every Solidity source in a stable order. */
function soliditySources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.sol'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function ensureContracts(node) {
  const sources = soliditySources(join(root, 'contracts'));
  if (sources.length === 0) return;
  const inputs = [...sources, join(root, 'hardhat.config.ts'), join(root, 'package-lock.json')].filter(existsSync);
  const hash = createHash('sha256');
  for (const file of inputs) hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  const wanted = hash.digest('hex');
  if (readIfThere(contractStamp) === wanted && existsSync(join(root, 'artifacts', 'contracts'))) return;
  say('Compiling contracts …');
  const result = spawnSync(node, [join(root, 'node_modules', 'hardhat', 'dist', 'src', 'cli.js'), 'build', '--quiet'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...projectEnvironment(node), HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' },
  });
  if (result.status !== 0) {
    throw new SetupError('The contracts do not compile: the compiler’s messages are above.');
  }
  mkdirSync(dirname(contractStamp), { recursive: true });
  writeFileSync(contractStamp, wanted);
}

/**
 * @returns {string} the Node to run the project with
 * @throws {SetupError}
 */
export function ensureSetUp() {
  if (hostVersion()[0] < oldestHostNode) {
    throw new SetupError(
      `Node ${process.versions.node} is too old: Tandem wants Node ${oldestHostNode} or newer to set itself up.`,
    );
  }
  ensureDependencies();
  const node = projectNode();
  ensureContracts(node);
  return node;
}
