import hardhatEthers from '@nomicfoundation/hardhat-ethers';
import hardhatIgnitionEthers from '@nomicfoundation/hardhat-ignition-ethers';
import { defineConfig } from 'hardhat/config';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export default defineConfig({
  plugins: [hardhatEthers, hardhatIgnitionEthers],
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
