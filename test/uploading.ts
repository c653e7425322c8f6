import { createHash } from 'node:crypto';
import type { Person, Testbed } from './testbed.ts';

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Opens an upload; gives the file's id and the address. */
export const openUpload = async (
  person: Person,
  name: string,
  size: number,
  mimeType = 'text/plain',
): Promise<{ id: string; url: string }> => {
  const { createUpload }: { createUpload: { file: { id: string }; upload: { url: string } } } = await person.want(
    'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url method headers } file { id } } }',
    { input: { name, size, mimeType } },
  );
  return { id: createUpload.file.id, url: createUpload.upload.url };
};

/** Sends bytes to an upload's address. */
export const sendBytes = (bed: Testbed, url: string, bytes: Uint8Array<ArrayBuffer>): Promise<Response> =>
  fetch(new URL(url, bed.url), { method: 'PUT', body: bytes });

/** Uploads a file and gives its id. */
export const uploaded = async (
  bed: Testbed,
  person: Person,
  name: string,
  content: string | Uint8Array,
  mimeType = 'text/plain',
): Promise<string> => {
  const bytes = Uint8Array.from(typeof content === 'string' ? Buffer.from(content) : content);
  const { id, url } = await openUpload(person, name, bytes.length, mimeType);
  const answer = await sendBytes(bed, url, bytes);
  if (!answer.ok) throw new Error(`The upload was refused: ${answer.status} ${await answer.text()}`);
  return id;
};
