/** The service catalogue, read and checked: an operator's file of keywords, grammars, operations, fees, limits and texts. */
import type { LocatedYaml } from '../located-yaml.ts';
import { checkServices, type CatalogueDomain } from './check.ts';
import type { DecimalSign } from './money.ts';
import { catalogueSchema, keywordsSchema, languagesSchema, type CatalogueData, type ServiceData } from './schema.ts';
import { buildVocabulary, type Vocabulary } from './vocabulary.ts';

export interface Catalogue extends CatalogueData {
  readonly vocabulary: Vocabulary;
}

/** @throws {TandemError} `catalogue-invalid`, one line a problem with file and line. */
export function readCatalogue(yaml: LocatedYaml, domains?: readonly CatalogueDomain[]): Catalogue {
  const head = yaml.parse(languagesSchema);
  const languages = Object.keys(head?.languages ?? {});
  if (head !== undefined && languages.length === 0) yaml.problem(['languages'], 'expected at least one language');
  const data = languages.length === 0 ? undefined : yaml.parse(catalogueSchema(languages));
  const keywords = keywordsSchema.safeParse(yaml.value);
  const vocabulary = keywords.success
    ? buildVocabulary(keywords.data, (path, text) => {
        yaml.problem(path, text);
      })
    : undefined;
  if (data !== undefined) checkServices(yaml, data, domains);
  yaml.assertSound('catalogue-invalid', 'The service catalogue');
  if (data === undefined || vocabulary === undefined) throw new Error('a catalogue without problems has its parts');
  return { ...data, vocabulary };
}

/** Names come from outside too: `constructor` is no service. */
export const serviceOf = ({ services }: CatalogueData, name: string): ServiceData | undefined =>
  Object.hasOwn(services, name) ? services[name] : undefined;

/** A language that the catalogue has: the first where it does not have this one. */
export const knownLanguage = ({ languages }: CatalogueData, language: string): string =>
  Object.hasOwn(languages, language) ? language : (Object.keys(languages)[0] ?? '');

export const decimalSignOf = (catalogue: CatalogueData, language: string): DecimalSign =>
  catalogue.languages[knownLanguage(catalogue, language)]?.decimalSign ?? '.';
