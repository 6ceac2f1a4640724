/** Makes the analysis unit from an operator's catalogue file. */
import { LocatedYaml } from '../located-yaml.ts';
import { toAmount, type Amount } from '../model/ids.ts';
import type { Analysis, Money, ServicePlan } from './analysis.ts';
import type { CatalogueDomain } from './check.ts';
import { readCatalogue, serviceOf, type Catalogue } from './catalogue.ts';
import { Currencies, type AssetInfo } from './currencies.ts';
import { Lexicon } from './lexicon.ts';
import { Reader } from './read.ts';
import { Renderer } from './render.ts';
import { textSizes, type TextSize } from './sizes.ts';

export interface AnalysisOptions {
  /** The operator's assets, as in its configuration. */
  readonly assets: readonly AssetInfo[];
  /** What its services' operations can be in; not checked where absent. */
  readonly domains?: readonly CatalogueDomain[];
}

export interface LoadedAnalysis extends Analysis {
  readonly services: readonly string[];
  /** The SMS segments of every text, for `sizeTable`. */
  sizes(): readonly TextSize[];
}

const planOf = (
  service: string,
  { first, second, authoriser, maxAmount }: Catalogue['services'][string],
): ServicePlan => Object.freeze({ service, first, second, authoriser, maxAmount });

/** Per mille of the order and a flat amount, the broken minor unit in the user's favour. */
function feeOf(catalogue: Catalogue, service: string, { asset, amount }: Money): Amount {
  const rule = serviceOf(catalogue, service)?.fee[asset];
  if (rule === undefined) return '0' as Amount;
  return toAmount(BigInt(rule.flat ?? '0') + (BigInt(amount) * BigInt(rule.permille ?? 0)) / 1000n);
}

/** From the text of a catalogue; `file` is what problems are reported under. */
export function parseCatalogue(file: string, source: string, options: AnalysisOptions): LoadedAnalysis {
  return build(new LocatedYaml(file, source), options);
}

/** @throws {TandemError} `catalogue-invalid`: the file cannot be read, or one line a problem with file and line. */
export function loadCatalogue(file: string, options: AnalysisOptions): LoadedAnalysis {
  return build(LocatedYaml.read(file, 'catalogue-invalid'), options);
}

function build(yaml: LocatedYaml, { assets, domains }: AnalysisOptions): LoadedAnalysis {
  const catalogue = readCatalogue(yaml, domains);
  const currencies = new Currencies(assets, catalogue.currencies);
  const reader = new Reader(catalogue, currencies, new Lexicon(catalogue.amountWords));
  const renderer = new Renderer(catalogue, currencies);
  const plans = new Map(Object.entries(catalogue.services).map(([name, service]) => [name, planOf(name, service)]));
  const analysis: LoadedAnalysis = {
    languages: Object.keys(catalogue.languages),
    services: [...plans.keys()],
    read: (message, toService) => reader.read(message, toService),
    plan: (service) => plans.get(service),
    fee: (service, money) => feeOf(catalogue, service, money),
    serviceText: (service, key, language, params) => renderer.serviceText(service, key, language, params),
    notice: (key, language, params) => renderer.notice(key, language, params),
    money: (money, language) => renderer.money(money, language),
    sizes: () => {
      const [first] = assets;
      return first === undefined ? [] : textSizes(analysis, [...plans.keys()], first.asset);
    },
  };
  return analysis;
}
