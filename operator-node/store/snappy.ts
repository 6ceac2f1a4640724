/** Decompresses one block of Snappy's raw format (format_description.txt): what LevelDB keeps an index in. */

/** @throws {RangeError} for anything that is not of the format. */
export function unsnap(bytes: Uint8Array): Uint8Array {
  let at = 0;
  const next = (): number => {
    const byte = bytes[at];
    if (byte === undefined) throw new RangeError('Snappy data ends too early');
    at += 1;
    return byte;
  };
  const little = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index += 1) value += next() * 256 ** index;
    return value;
  };
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = next();
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
    if (shift > 28) throw new RangeError('A length in Snappy data is too long');
  }
  if (length > 64 * bytes.length + 64) throw new RangeError('Snappy data cannot be that long');
  const out = new Uint8Array(length);
  let written = 0;
  while (at < bytes.length) {
    const tag = next();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >>> 2;
      const size = (short < 60 ? short : little(short - 59)) + 1;
      if (at + size > bytes.length || written + size > length) throw new RangeError('A Snappy literal is too long');
      out.set(bytes.subarray(at, at + size), written);
      at += size;
      written += size;
      continue;
    }
    const size = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset = kind === 1 ? (tag >>> 5) * 256 + next() : little(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > written || written + size > length) throw new RangeError('A Snappy copy is not valid');
    // One by one: a copy may overlap what it writes.
    for (let index = 0; index < size; index += 1, written += 1) out[written] = out[written - offset] ?? 0;
  }
  if (written !== length) throw new RangeError('Snappy data is shorter than it says');
  return out;
}
