/** What others wrote, as a terminal shows it: nothing in it moves the cursor, clears the screen or turns the text around. */

/** Control characters, line ends (LF, or CR LF as CSV has them) apart; bidirectional ones; line and paragraph separators. */
const acting = /(?!\n|\r\n)[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const escape = (sign: string): string => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;

/** They are shown as JSON escapes them, so that JSON stays what it was. Tabs too: no text of this project has any. */
export const visible = (text: string): string => text.replace(acting, escape);

/** Under a heading of its own: further lines are indented, so that none of them passes for another entry. */
export const visibleIndented = (text: string, indent: string): string => visible(text).replace(/\r?\n/g, `\n${indent}`);
