/**
 * XML 1.0 as ISO 20022 messages need it: elements, text, attributes, one default namespace. By hand, since a document
 * of 100,000 entries is written as text at once, and a tree of it would be some gigabytes.
 */
import { escapeXml } from '../model/quoting.ts';

/** A finished piece of XML; undefined is nothing, so that an absent element needs no word. */
export type Xml = { readonly xml: string } | undefined;

function open(name: string, attributes: Readonly<Record<string, string>>): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  return `<${name}${written.join('')}>`;
}

/** An element with text in it. */
export const leaf = (name: string, text: string, attributes: Readonly<Record<string, string>> = {}): Xml => ({
  xml: `${open(name, attributes)}${escapeXml(text)}</${name}>`,
});

export const optionalLeaf = (name: string, text: string | undefined): Xml =>
  text === undefined ? undefined : leaf(name, text);

/** An element with elements in it, in this order. */
export const node = (name: string, children: readonly Xml[]): Xml => {
  let xml = `<${name}>`;
  for (const child of children) if (child !== undefined) xml += child.xml;
  return { xml: `${xml}</${name}>` };
};

/** Tags by themselves, for an element that is too long to be one piece. */
export const begin = (name: string): Xml => ({ xml: open(name, {}) });
export const end = (name: string): Xml => ({ xml: `</${name}>` });

/** The whole of a document, in pieces: `root` is open around what `children` gives. */
export function* document(namespace: string, root: string, children: () => Iterable<Xml>): Generator<string> {
  yield `<?xml version="1.0" encoding="UTF-8"?>\n${open('Document', { xmlns: namespace })}${open(root, {})}`;
  for (const child of children()) if (child !== undefined) yield child.xml;
  yield `</${root}></Document>\n`;
}
