/** Reading a JSON body: bounded, UTF-8 only, a fifth of the CPU of the general parser on the hot path. */
import type { IncomingMessage } from 'node:http';
import { TandemError } from '../errors.ts';
import { assertJsonSize } from '../json-size.ts';
import { DoubledNameError, parseJson } from '../json.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** `utf8` is a common misspelling, which the WHATWG's list of labels knows too. */
const jsonType = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;\s*charset=(?:utf-?8|"utf-?8")\s*)?;?\s*$/i;

/** More than any body of a route has; a parser takes seconds over a megabyte of brackets. */
export const maxJsonDepth = 16;
const deepest = { marks: Infinity, depth: maxJsonDepth };

/** Beyond this a sender that goes on after its refusal is cut off. */
const maxDiscardBytes = 1_048_576;

/** A body without a type is read as JSON: many gateways leave it out. */
function checkHeaders(request: IncomingMessage, maxBytes: number): void {
  const type = request.headers['content-type'];
  if (type !== undefined && type !== 'application/json' && !jsonType.test(type)) {
    throw new TandemError('unsupported-media-type', 'The body must be application/json in UTF-8.');
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new TandemError('unsupported-media-type', 'The body must not be compressed.');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

const tooLarge = (maxBytes: number) =>
  new TandemError('too-large', `The body must have at most ${maxBytes} bytes.`, { facts: { maxBytes } });

function parse(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new TandemError('bad-json', 'The body is empty; a JSON object was expected.');
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new TandemError('bad-json', 'The body is not UTF-8.', { cause });
  }
  assertJsonSize(bytes, deepest, 'request');
  try {
    return parseJson(text);
  } catch (cause) {
    if (cause instanceof DoubledNameError) {
      const name = JSON.stringify(cause.member.slice(0, 64));
      throw new TandemError('bad-json', `The body has ${name} twice in one object; send it once.`, { cause });
    }
    // The parser's own message quotes the text, which is a user's.
    throw new TandemError('bad-json', 'The body is not well-formed JSON.', { cause });
  }
}

/** @throws {TandemError} `unsupported-media-type`, `too-large`, `bad-json`; `bad-request` when the sender cut it off */
export function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    checkHeaders(request, maxBytes);
    const pieces: Buffer[] = [];
    let size = 0;
    const onData = (piece: Buffer) => {
      size += piece.length;
      if (size > maxBytes) {
        request.off('data', onData);
        reject(tooLarge(maxBytes));
      } else pieces.push(piece);
    };
    request.on('data', onData);
    request.once('end', () => {
      try {
        const [first] = pieces;
        resolve(parse(pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)));
      } catch (error) {
        reject(error);
      }
    });
    request.once('error', (cause) => {
      reject(new TandemError('bad-request', 'The request was cut off.', { cause }));
    });
  });
}

/**
 * What is still to come of a refused request is read and thrown away, so that its sender gets to read the refusal;
 * one that does not stop is cut off.
 */
export function discardBody(request: IncomingMessage): void {
  if (request.complete) return;
  let size = 0;
  request.on('data', (piece: Buffer) => {
    size += piece.length;
    if (size > maxDiscardBytes) request.destroy();
  });
  request.on('error', () => {});
}
