/** What the devnet shows: one short line an event, coloured on a terminal. */
import { styleText } from 'node:util';

type Style = 'dim' | 'bold' | 'green' | 'red' | 'yellow' | 'cyan' | 'magenta' | 'blue';

export interface Screen {
  /** A step of coming up or going down. */
  step(text: string): void;
  /** A heading of the recorded conversation. */
  scene(text: string): void;
  /** A message that a user sends. */
  sent(from: string, to: string, text: string, disposition: string): void;
  /** A message that a phone received. */
  received(from: string, to: string, text: string): void;
  chain(text: string): void;
  check(ok: boolean, text: string): void;
  problem(text: string): void;
  plain(text: string): void;
}

const nameWidth = 24;

export function terminalScreen(out: NodeJS.WriteStream = process.stdout): Screen {
  const paint = (style: Style, text: string): string =>
    out.isTTY && process.env['NO_COLOR'] === undefined ? styleText(style, text) : text;
  const line = (text: string): void => void out.write(`${text}\n`);
  const ways = (from: string, to: string): string => `${from} → ${to}`.padEnd(nameWidth);
  return {
    step: (text) => line(`${paint('dim', '·')} ${text}`),
    scene: (text) => line(`\n${paint('bold', text)}`),
    sent: (from, to, text, disposition) =>
      line(`  ${paint('cyan', ways(from, to))} ${shorten(text)}  ${paint('dim', `(${disposition})`)}`),
    received: (from, to, text) => line(`  ${paint('green', ways(from, to))} ${shorten(text)}`),
    chain: (text) => line(`  ${paint('magenta', 'chain'.padEnd(nameWidth))} ${paint('dim', text)}`),
    check: (ok, text) => line(`  ${ok ? paint('green', 'ok  ') : paint('red', 'FAIL')} ${text}`),
    problem: (text) => line(paint('red', text)),
    plain: (text) => line(text),
  };
}

const shownCharacters = 200;

/** One line of at most 200 characters, whatever a text holds. */
const shorten = (text: string): string => {
  const oneLine = text.replaceAll(/\s*\n\s*/g, ' ⏎ ').replaceAll(/\p{Cc}/gu, ' ');
  const characters = [...oneLine];
  return characters.length <= shownCharacters ? oneLine : `${characters.slice(0, shownCharacters).join('')} …`;
};
