/** The service catalogue, read and checked: an operator's file of keywords, grammars, operations, fees, limits and texts. */
import { LocatedYaml } from '../located-yaml.ts';
import { catalogueSchema, keywordsSchema, languagesSchema, type CatalogueData, type ServiceData } from './schema.ts';
import { placeholdersOf, type Template } from './template.ts';
import { buildVocabulary, type Vocabulary } from './vocabulary.ts';

export interface Catalogue extends CatalogueData {
  readonly vocabulary: Vocabulary;
}

/** A text as one string, each value as `{name}`. */
const outline = (template: Template): string =>
  template
    .map((piece) => (piece.kind === 'text' ? piece.text : piece.kind === 'value' ? `{${piece.name}}` : ''))
    .join('');

function checkService(yaml: LocatedYaml, name: string, service: ServiceData, data: CatalogueData): void {
  const path = ['services', name];
  const slots = service.grammar.map(({ kind }) => kind);
  if (slots.includes('code') !== (name === 'refund')) {
    yaml.problem(
      [...path, 'grammar'],
      'a code in the grammar makes a refund: the service "refund" has one, no other has',
    );
  }
  const debited = (['first', 'second'] as const).filter((leg) => service[leg].action === 'debit');
  if (debited.length > 0 && !debited.includes(service.authoriser)) {
    yaml.problem(
      [...path, 'authoriser'],
      `expected ${debited.join(' or ')}: only who is debited can authorise the debit`,
    );
  }
  if (slots.includes('item') && service.second.action !== 'sell') {
    yaml.problem([...path, 'second', 'action'], 'expected sell: the grammar has an item');
  }
  for (const [key, byLanguage] of Object.entries(service.texts)) {
    for (const [language, template] of Object.entries(byLanguage)) {
      if (!slots.includes('item') && placeholdersOf(template).has('item')) {
        yaml.problem([...path, 'texts', key, language], '{item} without an item in the grammar');
      }
    }
  }
  for (const [language, template] of Object.entries(service.texts.ask)) {
    const text = outline(template);
    for (const words of [data.answers.yes, data.answers.no]) {
      const answer = `${words[language]?.[0] ?? ''} {code}`;
      if (!text.includes(answer)) {
        yaml.problem([...path, 'texts', 'ask', language], `the question does not offer "${answer}"`);
      }
    }
  }
  for (const language of Object.keys(data.languages)) {
    const needed = [
      ['pending', 'to', 'the payee’s name'],
      ['pending', 'ref', 'what CANCEL needs'],
      ['ask', 'money', 'what would happen'],
      ['ask', 'from', 'who asks'],
    ] as const;
    for (const [key, placeholder, why] of needed) {
      if (!outline(service.texts[key][language] ?? []).includes(`{${placeholder}}`)) {
        yaml.problem([...path, 'texts', key, language], `{${placeholder}} is missing: ${why}`);
      }
    }
  }
}

function checkWhole(yaml: LocatedYaml, data: CatalogueData): void {
  for (const [name, service] of Object.entries(data.services)) checkService(yaml, name, service, data);
}

/** @throws {TandemError} `catalogue-invalid`, one line a problem with file and line. */
export function readCatalogue(yaml: LocatedYaml): Catalogue {
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
  if (data !== undefined) checkWhole(yaml, data);
  yaml.assertSound('catalogue-invalid', 'The service catalogue');
  if (data === undefined || vocabulary === undefined) throw new Error('a catalogue without problems has its parts');
  return { ...data, vocabulary };
}
