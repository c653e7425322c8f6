import { fromUUID, TypeID } from 'typeid-js';

const prefixes = new Map<string, string>();

/** The prefix of a GraphQL type's ids: `DocumentChunk` → `document_chunk`. */
export const prefixOf = (type: string): string => {
  const known = prefixes.get(type);
  if (known !== undefined) return known;
  const prefix = type.replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
  prefixes.set(type, prefix);
  return prefix;
};

/** The id that clients see of a row: its UUID as a TypeID (https://github.com/jetify-com/typeid/tree/main/spec). */
export const globalId = (type: string, uuid: string): string => fromUUID(uuid, prefixOf(type));

/** The prefix and UUID of a global id; null when it is malformed. */
export const parseGlobalId = (id: string): { readonly prefix: string; readonly uuid: string } | null => {
  try {
    const parsed = TypeID.fromString(id);
    return { prefix: parsed.getType(), uuid: parsed.toUUID() };
  } catch {
    // The package throws plain errors for every malformed id.
    return null;
  }
};

const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const isUuid = (text: string): boolean => uuidText.test(text);
