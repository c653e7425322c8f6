import { InvalidKey } from './failures.ts';

// A leading dot is refused because it makes `..`, hidden files and the folder for uploads under way.
const KEY = /^[a-z0-9_-][a-z0-9._-]*(?:\/[a-z0-9_-][a-z0-9._-]*)*$/i;

/** Returns the key unchanged; throws InvalidKey unless it is a plain relative path of at most 500 characters. */
export function validKey(key: string): string {
  if (key.length > 500 || !KEY.test(key)) throw new InvalidKey(key);
  return key;
}
