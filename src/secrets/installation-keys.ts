import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../settings.ts';
import { openKeyRing, type KeyRing } from './encryption.ts';

/** The keys of the settings, the first of which encrypts; without any, one that is made once beside the data. */
export const keyRingOf = async (settings: Settings): Promise<KeyRing> => {
  const entries = settings.encryptionKeys ?? [await keyBeside(settings.dataDirectory)];
  const keys = entries.map((entry): [string, Uint8Array] => {
    const [name = '', secret = ''] = entry.split(':');
    return [name, Buffer.from(secret, 'base64url')];
  });
  return openKeyRing({ keys: Object.fromEntries(keys), current: keys[0]?.[0] ?? '' });
};

const keyBeside = async (dataDirectory: string): Promise<string> => {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, 'encryption-key');
  const made = `local:${randomBytes(32).toString('base64url')}`;
  try {
    await writeFile(path, made, { flag: 'wx', mode: 0o600, flush: true });
    return made;
  } catch (error) {
    if (Error.isError(error) && 'code' in error && error.code === 'EEXIST') return readFile(path, 'utf8');
    throw error;
  }
};
