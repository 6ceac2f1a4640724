/**
 * Typed lint rules that find real errors, and this project's own: who may read the environment, where time and
 * randomness may come from, and which way imports point.
 */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Time, randomness and I/O are injected where a simulator must be able to take their place. */
const injected = 'Injected where the flow can see it: take a clock, timer, random source or port from the constructor.';
const impureGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'performance', 'crypto'].map((name) => ({
  name,
  message: injected,
}));
const impureProperties = [
  { object: 'Date', property: 'now', message: injected },
  { object: 'Math', property: 'random', message: injected },
  { object: 'process', property: 'hrtime', message: injected },
];
const environment = {
  object: 'process',
  property: 'env',
  message: 'The environment is read in operator-node/config.ts and in scripts only.',
};
const clockReading = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: injected,
};
/** Adapters and entry points, which the flow, the engine and the domains must not know. */
const adapters = {
  regex:
    '/(channel/https|channel/loopback|chain/rpc|chain/sender|store/level|messaging/(http|webhook|phones)[^/]*|api/[^/]*|cli/[^/]*)\\.ts$',
  message: 'Imports point downwards: this part knows ports, never adapters.',
};
const randomSources = {
  name: 'node:crypto',
  importNames: ['randomBytes', 'randomUUID', 'randomInt', 'webcrypto'],
  message: injected,
};
const compositionRoot = { regex: '/(node|main)\\.ts$', message: 'Nothing imports the composition root.' };

export default defineConfig(
  {
    ignores: [
      'node_modules/',
      'artifacts/',
      'cache/',
      'coverage/',
      '.devnet/',
      '.runtime/',
      'ignition/deployments/',
      'operator-node/chain/bindings/',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-properties': ['error', environment],
      'no-restricted-imports': ['error', { patterns: [compositionRoot] }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, allowDefaultCaseForExhaustiveSwitch: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Numbers in messages are wanted, and safe.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An async function without await is how a synchronous part fulfils an asynchronous port.
      '@typescript-eslint/require-await': 'off',
      // Code points are what lengths of texts are counted in.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      '@typescript-eslint/no-unnecessary-type-arguments': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Type parameters that appear once carry brands and table types here.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['operator-node/{flow,engine,analysis,domains,commitment}/**/*.ts'],
    // The clock itself: what a simulator puts its own in place of.
    ignores: ['operator-node/engine/clock.ts'],
    rules: {
      'no-restricted-globals': ['error', ...impureGlobals],
      'no-restricted-properties': ['error', environment, ...impureProperties],
      'no-restricted-syntax': ['error', clockReading],
      'no-restricted-imports': ['error', { paths: [randomSources], patterns: [compositionRoot, adapters] }],
    },
  },
  {
    files: ['operator-node/main.ts', 'test/**/*.ts', 'scripts/**/*.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['operator-node/config.ts', 'scripts/**/*.ts', 'test/**/*.ts', '*.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // A fake fulfils a port; it need not use all that the port hands it.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
    },
  },
  {
    // A contract's functions and events are typed by its ABI at run time only; tests compare what comes out of them.
    files: ['test/**/*.ts', 'scripts/contracts/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
    },
  },
);
