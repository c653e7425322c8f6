import { randomFillSync } from 'node:crypto';
import { fromString, toUUID } from 'typeid-js';
import { v7 } from 'uuid';

const prefixes = new Map<string, string>();

/** The prefix of a GraphQL type's ids: `DocumentChunk` → `document_chunk`. */
export const prefixOf = (type: string): string => {
  const known = prefixes.get(type);
  if (known !== undefined) return known;
  const prefix = type.replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
  prefixes.set(type, prefix);
  return prefix;
};

/** Crockford's base 32 in lower case, two digits for each 10 bits. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';
const pairs = Array.from({ length: 1024 }, (_, bits) => digits.charAt(bits >> 5) + digits.charAt(bits & 31));

/** Where each five hexadecimal digits of a UUID's text begin behind the first two, without the hyphens. */
const places = [
  2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
] as const;

/** The value of a hexadecimal digit in lower case, by its code. */
const hexadecimal = (code: number): number => (code < 58 ? code - 48 : code - 87);

/**
 * The id that clients see of a row: its UUID as a TypeID (https://github.com/jetify-com/typeid/tree/main/spec). Written here, because a page
 * has hundreds of them and the package, which reads them, takes four times as long to write one.
 */
export const globalId = (type: string, uuid: string): string => {
  const digit = (place: number): number => hexadecimal(uuid.charCodeAt(place));
  let suffix = pairs[(digit(0) << 4) | digit(1)] ?? '';
  for (let at = 0; at < places.length; at += 5) {
    let bits = 0;
    for (let next = at; next < at + 5; next += 1) bits = (bits << 4) | digit(places[next] ?? 0);
    suffix += (pairs[bits >> 10] ?? '') + (pairs[bits & 1023] ?? '');
  }
  return `${prefixOf(type)}_${suffix}`;
};

/** The prefix and UUID of a global id; null when it is malformed. */
export const parseGlobalId = (id: string): { readonly prefix: string; readonly uuid: string } | null => {
  try {
    return { prefix: id.slice(0, id.lastIndexOf('_')), uuid: toUUID(fromString(id)) };
  } catch {
    // The package throws plain errors for every malformed id.
    return null;
  }
};

const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const isUuid = (text: string): boolean => uuidText.test(text);

const randomness = new Uint8Array(4096);
let used = randomness.length;
/** Sixteen random bytes. The system is asked for many at once: asking for few took longer than all else about an id. */
const random = (): Uint8Array => {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  used += 16;
  return randomness.subarray(used - 16, used);
};

let newest = { msecs: 0, seq: 0 };

/** A UUIDv7 for a new row. Those of one process are in the order in which they were made. */
export const newId = (): string => {
  const msecs = Math.max(Date.now(), newest.msecs);
  const bytes = random();
  // Within a millisecond it counts on from a random start below 2^31, so that the count has room up to 2^32.
  const start = new DataView(bytes.buffer, bytes.byteOffset).getUint32(6) >>> 1;
  newest = msecs > newest.msecs ? { msecs, seq: start } : { msecs, seq: newest.seq + 1 };
  return v7({ msecs, seq: newest.seq, random: bytes });
};

/** The least id that is made at a time: ids begin with their milliseconds. */
export const firstIdAt = (ms: number): string => {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
};
