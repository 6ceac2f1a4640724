/** Documents of ISO 20022 held against the parts of their schemas in test/vectors/iso20022, by libxml2. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { XmlDocument, XsdValidator } from 'libxml2-wasm';

const vectors = join(import.meta.dirname, '..', 'vectors', 'iso20022');

export type Message = 'camt.053.001.08' | 'pacs.009.001.08';

/** What is wrong with a document by its schema; empty is valid. */
export function schemaFaults(message: Message, xml: string): string[] {
  using schema = XmlDocument.fromBuffer(readFileSync(join(vectors, `${message}.part.xsd`)));
  using validator = XsdValidator.fromDoc(schema);
  using document = XmlDocument.fromString(xml);
  try {
    validator.validate(document);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** Texts of what an XPath finds, with `d:` for the document's namespace. */
export function texts(message: Message, xml: string, path: string): string[] {
  using document = XmlDocument.fromString(xml);
  return document.find(path, { d: `urn:iso:std:iso:20022:tech:xsd:${message}` }).map(({ content }) => content);
}

const minor = (decimal: string, exponent: number): bigint => {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(`${whole}${fraction.padEnd(exponent, '0')}`);
};

/**
 * What no schema says of a statement, and every bank's program checks: no more decimals than the currency has, one
 * currency, opening and entries make closing, and the totals are those of the entries.
 */
export function arithmeticFaults(xml: string, asset: string, exponent: number): string[] {
  const faults: string[] = [];
  const of = (path: string): string[] => texts('camt.053.001.08', xml, path);
  for (const amount of of('//d:Amt | //d:Sum')) {
    if ((amount.split('.')[1] ?? '').length > exponent) faults.push(`${amount} has more than ${exponent} decimals`);
  }
  for (const currency of of('//@Ccy | //d:Ccy')) if (currency !== asset) faults.push(`${currency} is not ${asset}`);
  const signed = (at: string): bigint[] => {
    const sides = of(`${at}/d:CdtDbtInd`);
    return of(`${at}/d:Amt`).map((amount, index) => minor(amount, exponent) * (sides[index] === 'DBIT' ? -1n : 1n));
  };
  const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, each) => total + each, 0n);
  const balanceOf = (code: string): bigint => sum(signed(`//d:Bal[d:Tp/d:CdOrPrtry/d:Cd="${code}"]`));
  const entries = signed('//d:Ntry');
  if (balanceOf('OPBD') + sum(entries) !== balanceOf('CLBD')) faults.push('opening and entries do not make closing');
  if (signed('//d:TxDtls').join() !== entries.join()) faults.push('the details are not those of the entries');
  const credits = entries.filter((amount) => amount >= 0n);
  const debits = entries.filter((amount) => amount < 0n).map((amount) => -amount);
  for (const [name, amounts] of [
    ['TtlNtries', [...credits, ...debits]],
    ['TtlCdtNtries', credits],
    ['TtlDbtNtries', debits],
  ] as const) {
    if (of(`//d:${name}/d:NbOfNtries`).join() !== `${amounts.length}`) faults.push(`${name} has another number`);
    if (sum(of(`//d:${name}/d:Sum`).map((each) => minor(each, exponent))) !== sum(amounts))
      faults.push(`${name} has another sum`);
  }
  if (sum(signed('//d:TtlNetNtry')) !== sum(entries)) faults.push('TtlNetNtry is not the net');
  if (new Set(of('//d:NtryRef')).size !== entries.length) faults.push('two entries have one reference');
  return faults;
}
