import { detect, ENCRYPTED_OFFICE } from './detect.ts';
import type { Format } from './format.ts';
import { formats } from './formats.ts';
import { UnreadableDocument } from './unreadable-document.ts';

const CFB = 'application/x-cfb';
/** Declared by clients that do not know better: browsers for unknown extensions, and Windows for CSV. */
const VAGUE = new Set([
  '',
  'application/octet-stream',
  'binary/octet-stream',
  'application/zip',
  'application/x-zip-compressed',
  'text/plain',
]);
const WINDOWS_CSV = 'application/vnd.ms-excel';

/**
 * The type a file is to be read as, the usual one of its kind (`application/pdf`). The bytes decide; type and name
 * only choose among kinds of text. Throws UnreadableDocument when the file is empty, of no kind that can be read, or not what its
 * declared type says (its name, when the type is vague).
 */
export const sniff = async (bytes: Uint8Array, declared: string, name: string): Promise<string> =>
  (await formatOf(bytes, declared, name)).mimeTypes[0];

/** The same, as the format itself. */
export const formatOf = async (bytes: Uint8Array, declared: string, name: string): Promise<Format> => {
  if (bytes.length === 0) throw new UnreadableDocument('This file is empty.');
  const all = await formats();
  const claim = claimOf(all, declared, name);
  const found = await detect(bytes);
  if (found === 'text/plain') return textFormat(all, claim);
  const format = all.find(({ encoding, mimeTypes }) => encoding === 'binary' && mimeTypes.includes(found));
  // A damaged container shows no content type; its parser then says that it is damaged.
  const meant = format ?? (found === 'application/zip' ? claim.format : undefined);
  if (!meant || meant.encoding === 'text') throw new UnreadableDocument(refusal(all, claim, found));
  if (claim.format && claim.format !== meant) throw contradiction(claim, `it is ${meant.label}`);
  if (!claim.format && !claim.vague) throw contradiction(claim, `it is ${meant.label}`);
  return meant;
};

/** What the client says the file is: by its type, or by its name when the type says little. */
type Claim = { format: Format | undefined; by: 'type' | 'name'; type: string; vague: boolean };

const claimOf = (all: readonly Format[], declared: string, name: string): Claim => {
  const type = (declared.split(';', 1)[0] ?? '').trim().toLowerCase();
  const extension = name.toLowerCase().split('.').at(-1) ?? '';
  const named = all.find(({ extensions }) => extensions.includes(extension));
  const vague = VAGUE.has(type) || (type === WINDOWS_CSV && named?.encoding === 'text');
  if (vague) return { format: named, by: 'name', type, vague };
  return { format: all.find(({ mimeTypes }) => mimeTypes.includes(type)), by: 'type', type, vague };
};

const textFormat = (all: readonly Format[], claim: Claim): Format => {
  const plain = all.find(({ mimeTypes }) => mimeTypes.includes('text/plain'));
  if (!plain) throw new Error('No format reads text/plain.');
  if (claim.format?.encoding === 'binary') throw contradiction(claim, 'it is plain text');
  const isTextual = claim.vague || /^text\/|[/+](?:json|xml|yaml|x-yaml|toml|javascript|x-sh|sql)$/.test(claim.type);
  if (claim.type === 'image/svg+xml' || !(claim.format ?? isTextual)) throw contradiction(claim, 'it is plain text');
  return claim.format ?? plain;
};

const contradiction = (claim: Claim, truth: string): UnreadableDocument =>
  new UnreadableDocument(
    `This is not ${claim.format?.label ?? claim.type} although its ${claim.by} says so: ${truth}.`,
  );

const refusal = (all: readonly Format[], claim: Claim, found: string): string => {
  if (found === ENCRYPTED_OFFICE) return 'This Office document is protected by a password.';
  if (found === CFB) return 'This is a document of an old Office version; save it as DOCX, XLSX or PPTX and try again.';
  if (claim.format) return `This is not ${claim.format.label} although its ${claim.by} says so.`;
  const kinds = all.map(({ label }) => label.replace(/^an? /, '')).join(', ');
  return `Files of this type (${found}) cannot be read. These can: ${kinds}.`;
};
