/** Text in the formats that have signs of their own. */

/** A field of CSV (RFC 4180). */
export const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** What XML 1.0 cannot hold at all, escaped or not (its production `Char`). */
const impossible = /[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const plain = /^[\x20!#-%'-;=?-~]*$/;

/** Text, or the value of an attribute in double quotes, in XML or HTML. What cannot be written becomes U+FFFD. */
export const escapeXml = (text: string): string =>
  plain.test(text)
    ? text
    : text.replaceAll(impossible, '\ufffd').replaceAll(/[&<>"]/g, (found) => escapes[found] ?? found);
