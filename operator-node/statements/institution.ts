/** Operators in ISO 20022 messages: as an agent, and as a party. */
import type { Institution } from './statement.ts';
import { leaf, node, optionalLeaf, type Xml } from './xml.ts';

const issuer = 'tandem';

/** `BranchAndFinancialInstitutionIdentification6`: a name only where there is no BIC, since with one it would need its address. */
export const agent = (name: string, { operator, name: called, bic, lei }: Institution): Xml =>
  node(name, [
    node('FinInstnId', [
      optionalLeaf('BICFI', bic),
      optionalLeaf('LEI', lei),
      optionalLeaf('Nm', bic === undefined ? called : undefined),
      node('Othr', [leaf('Id', `${operator}`), leaf('Issr', issuer)]),
    ]),
  ]);

/** As CBPR+ and HVPS+ take an agent: by its BIC, and nothing that is known here alone. */
export const networkAgent = (name: string, { bic, lei }: Institution): Xml =>
  node(name, [node('FinInstnId', [optionalLeaf('BICFI', bic), optionalLeaf('LEI', lei)])]);

/** `PartyIdentification135`. */
export const party = (name: string, { operator, name: called, bic, lei }: Institution): Xml =>
  node(name, [
    leaf('Nm', called),
    node('Id', [
      node('OrgId', [
        optionalLeaf('AnyBIC', bic),
        optionalLeaf('LEI', lei),
        node('Othr', [leaf('Id', `${operator}`), leaf('Issr', issuer)]),
      ]),
    ]),
  ]);
