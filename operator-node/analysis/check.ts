/** What the catalogue's schema cannot see: whether a service's parts fit each other. */
import type { LocatedYaml } from '../located-yaml.ts';
import type { ServiceTextKey } from './analysis.ts';
import type { CatalogueData, ServiceData } from './schema.ts';
import { placeholdersOf, type Template } from './template.ts';

/** What a service's operation can be in. */
export interface CatalogueDomain {
  readonly name: string;
  readonly actions: readonly string[];
}

type Report = (path: readonly string[], text: string) => void;

/** What every text of this kind must say. */
const needed: readonly (readonly [key: ServiceTextKey, placeholder: string, why: string])[] = [
  ['pending', 'to', 'the payee’s name'],
  ['pending', 'ref', 'what CANCEL needs'],
  ['ask', 'from', 'who asks'],
  ['ask', 'money', 'what it is about'],
];

/** A text as one string, each value as `{name}`, without its optional parts. */
const outline = (template: Template): string =>
  template
    .map((piece) => (piece.kind === 'text' ? piece.text : piece.kind === 'value' ? `{${piece.name}}` : ''))
    .join('');

function checkParts(name: string, { grammar, first, second, authoriser }: ServiceData, report: Report): void {
  const slots = grammar.map(({ kind }) => kind);
  if (slots.includes('code') !== (name === 'refund')) {
    report(['grammar'], 'a code in the grammar makes a refund: the service "refund" has one, no other has');
  }
  if (slots.includes('item') && second.action !== 'sell') {
    report(['second', 'action'], 'expected sell: the grammar has an item');
  }
  const debited = Object.entries({ first, second }).filter(([, { action }]) => action === 'debit');
  const legs = debited.map(([leg]) => leg);
  if (legs.length > 0 && !legs.includes(authoriser)) {
    report(['authoriser'], `expected ${legs.join(' or ')}: only who is debited can authorise the debit`);
  }
}

function checkDomains({ first, second }: ServiceData, domains: readonly CatalogueDomain[], report: Report): void {
  for (const [leg, { domain: name, action }] of Object.entries({ first, second })) {
    const domain = domains.find((each) => each.name === name);
    if (domain === undefined) {
      const names = domains.map((each) => each.name).join(', ');
      report([leg, 'domain'], `${name} is no domain of this node, which has ${names}`);
    } else if (!domain.actions.includes(action)) {
      report([leg, 'action'], `cannot ${action} in ${name}, which can ${domain.actions.join(', ')}`);
    }
  }
}

function checkTexts({ grammar, texts }: ServiceData, { answers }: CatalogueData, report: Report): void {
  const hasItem = grammar.some(({ kind }) => kind === 'item');
  for (const [key, byLanguage] of Object.entries(texts)) {
    for (const [language, template] of Object.entries(byLanguage)) {
      if (!hasItem && placeholdersOf(template).has('item')) {
        report(['texts', key, language], '{item} without an item in the grammar');
      }
    }
  }
  for (const [key, placeholder, why] of needed) {
    for (const [language, template] of Object.entries(texts[key])) {
      if (!outline(template).includes(`{${placeholder}}`)) {
        report(['texts', key, language], `{${placeholder}} is missing: ${why}`);
      }
    }
  }
  for (const [language, template] of Object.entries(texts.ask)) {
    for (const words of [answers.yes, answers.no]) {
      const answer = `${words[language]?.[0] ?? ''} {code}`;
      if (!outline(template).includes(answer)) {
        report(['texts', 'ask', language], `the question does not offer "${answer}"`);
      }
    }
  }
}

export function checkServices(yaml: LocatedYaml, data: CatalogueData, domains?: readonly CatalogueDomain[]): void {
  for (const [name, service] of Object.entries(data.services)) {
    const report: Report = (path, text) => {
      yaml.problem(['services', name, ...path], text);
    };
    checkParts(name, service, report);
    if (domains !== undefined) checkDomains(service, domains, report);
    checkTexts(service, data, report);
  }
}
