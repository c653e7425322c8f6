import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileTypeFromBuffer } from 'file-type';
import { newId } from '../../ids.ts';
import { BadUserInput } from '../../errors.ts';
import { FileMissing } from '../../storage/failures.ts';
import type { FileStore } from '../../storage/store.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Services } from '../services.ts';
import { replaceAvatarKey } from './profile.ts';

const maxBytes = 512 * 1024;
const folder = 'avatars';

/** A kind of picture, and whether bytes of that kind end with the picture: behind it a file of another kind could hide. */
interface Kind {
  readonly mimeType: string;
  readonly endsWell: (bytes: Buffer) => boolean;
}

const kinds: Readonly<Record<string, Kind>> = {
  // Its last chunk is IEND, which is empty and has one checksum (PNG specification, section 11.2.5).
  png: { mimeType: 'image/png', endsWell: (bytes) => bytes.subarray(-12).equals(pngEnd) },
  // The marker EOI (ITU-T T.81, annex B).
  jpg: { mimeType: 'image/jpeg', endsWell: (bytes) => bytes.at(-2) === 0xff && bytes.at(-1) === 0xd9 },
  // RIFF counts what follows its first eight bytes, which is filled up to an even number.
  webp: { mimeType: 'image/webp', endsWell: (bytes) => bytes.readUInt32LE(4) + 8 === bytes.length },
  // The trailer (GIF89a specification, section 27).
  gif: { mimeType: 'image/gif', endsWell: (bytes) => bytes.at(-1) === 0x3b },
};
const pngEnd = Buffer.from('0000000049454e44ae426082', 'hex');

/** `<owner>/<SHA-256>-<id>.<kind>`. The id keeps one picture apart from the same one set again, of which the first is removed. */
const keyShape = /^(?:[a-z]{1,30}\/[0-9a-f-]{36}\/){1,2}[0-9a-f]{64}-[0-9a-f-]{36}\.(png|jpg|webp|gif)$/;

const read = async (field: string, image: string): Promise<{ bytes: Buffer; extension: string }> => {
  // Four characters stand for three bytes.
  if (image.length > Math.ceil(maxBytes / 3) * 4)
    throw new BadUserInput(field, `A picture has at most ${maxBytes} bytes.`);
  if (image.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(image))
    throw new BadUserInput(field, 'This is not base64.');
  const bytes = Buffer.from(image, 'base64');
  if (bytes.length > maxBytes) throw new BadUserInput(field, `A picture has at most ${maxBytes} bytes.`);
  const found = await fileTypeFromBuffer(bytes);
  const kind = found === undefined ? undefined : kinds[found.ext];
  if (found === undefined || kind === undefined)
    throw new BadUserInput(field, 'A picture is a PNG, JPEG, WebP or GIF.');
  if (!kind.endsWell(bytes)) throw new BadUserInput(field, 'The picture is cut off, or something follows behind it.');
  return { bytes, extension: found.ext };
};

/**
 * Stores a picture for an owner (`users/<id>`, `organizations/<id>/workspaces/<id>`) and gives its key, which the owner's row is to hold.
 * Call it before the transaction: a crash in between leaves at most a picture that nobody refers to. Throws BadUserInput with the
 * field's path.
 */
export const storeAvatar = async (
  { store }: Pick<Services, 'store'>,
  owner: string,
  field: string,
  image: string,
): Promise<string> => {
  const { bytes, extension } = await read(field, image);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const key = `${owner}/${sha256}-${newId()}.${extension}`;
  if (!keyShape.test(key)) throw new Error('This is no owner of a picture.');
  await store.write(`${folder}/${key}`, Readable.from([bytes]), { maxBytes });
  return key;
};

/** Removes a picture that no row refers to any more. What fails is logged: it leaves a picture that nobody asks for. */
export const removeAvatar = async (
  { store, log }: Pick<Services, 'store' | 'log'>,
  key: string | null,
): Promise<void> => {
  if (key === null) return;
  await store.remove(`${folder}/${key}`).catch((error: unknown) => {
    log.warn({ message: Error.isError(error) ? error.message : '' }, 'A picture could not be removed.');
  });
};

/** Removes all pictures below an owner, those too that a crash has left. */
export const removeAvatarsOf = ({ store }: Pick<Services, 'store'>, owner: string): Promise<void> =>
  store.removeFolder(`${folder}/${owner}`);

/** Where clients get a picture; null without one. */
export const avatarUrl = ({ address }: Pick<Services, 'address'>, key: string | null): string | null =>
  key === null ? null : `${address.url.replace(/\/+$/, '')}/${folder}/${key}`;

/** A picture with its type; null when there is none under the key, which comes from a URL. */
export const readAvatar = async (
  store: FileStore,
  key: string,
): Promise<{ readonly bytes: Buffer; readonly mimeType: string } | null> => {
  const kind = kinds[keyShape.exec(key)?.[1] ?? ''];
  if (kind === undefined) return null;
  try {
    return { bytes: await buffer(await store.read(`${folder}/${key}`)), mimeType: kind.mimeType };
  } catch (error) {
    if (error instanceof FileMissing) return null;
    throw error;
  }
};

/** Sets the viewer's picture, or takes it away; that of before is removed. Throws BadUserInput. */
export const setAvatar = async (context: Context, image: string | null): Promise<void> => {
  const { services, unit } = context;
  const { userId } = viewerOf(context);
  await unit.rest();
  const key = image === null ? null : await storeAvatar(services, `users/${userId}`, 'image', image);
  // Should this fail, the new picture stays without a row: whether the commit was heard is not always known.
  await removeAvatar(services, await replaceAvatarKey(unit, userId, key));
};
