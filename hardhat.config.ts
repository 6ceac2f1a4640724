import hardhatEthers from '@nomicfoundation/hardhat-ethers';
import hardhatIgnitionEthers from '@nomicfoundation/hardhat-ignition-ethers';
import { defineConfig } from 'hardhat/config';
import type { HardhatPlugin } from 'hardhat/types/plugins';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * The compiler puts a hash of the sources into the byte code: a checkout with other line endings would have other contracts
 * than those that are deployed from the same commit.
 */
const lineEndings: HardhatPlugin = {
  id: 'tandem-line-endings',
  hookHandlers: {
    solidity: () =>
      Promise.resolve({
        default: () =>
          Promise.resolve({
            readSourceFile: async (context, file, next) => (await next(context, file)).replaceAll('\r\n', '\n'),
          }),
      }),
  },
};

export default defineConfig({
  plugins: [hardhatEthers, hardhatIgnitionEthers, lineEndings],
  solidity: {
    // The compiler of the npm package: locked like every dependency, and nothing is downloaded while building.
    version: '0.8.37',
    path: require.resolve('solc/soljson.js'),
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 1_000_000 },
    },
  },
  test: {
    solidity: {
      fuzz: { runs: 10_000, seed: '0x7a6d' },
      invariant: { runs: 1_000, depth: 64, failOnRevert: true },
    },
  },
  paths: { sources: ['contracts', 'test/contracts/mocks'], tests: { solidity: 'test/contracts/solidity' } },
});
