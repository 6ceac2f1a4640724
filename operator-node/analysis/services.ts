/** An operator's catalogue with everything that a start asks of it: whoever reads one elsewhere says the same of it. */
import { domainKinds } from '../domains/kinds.ts';
import type { AssetInfo } from './currencies.ts';
import { loadCatalogue, type LoadedAnalysis } from './load.ts';

/** @throws {TandemError} `catalogue-invalid`: the file cannot be read, or one line a problem with file and line */
export const loadServices = (file: string, assets: readonly AssetInfo[]): LoadedAnalysis =>
  loadCatalogue(file, { assets, domains: domainKinds });
