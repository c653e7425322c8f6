import type { Person, Testbed } from './testbed.ts';

/** Uploads a file and gives its id. */
export const uploaded = async (
  bed: Testbed,
  person: Person,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  mimeType: string,
): Promise<string> => {
  const { createUpload }: { createUpload: { upload: { url: string; method: string }; file: { id: string } } } =
    await person.want(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url method } file { id } } }',
      { input: { name, size: bytes.length, mimeType } },
    );
  const { url, method } = createUpload.upload;
  const sent = await fetch(new URL(url, bed.url), { method, body: bytes });
  if (!sent.ok) throw new Error(`The upload was refused: ${sent.status} ${await sent.text()}`);
  return createUpload.file.id;
};
