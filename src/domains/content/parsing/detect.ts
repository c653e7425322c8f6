import { fileTypeFromBuffer } from 'file-type';
import { byteOrderMark, decodeText } from './decode.ts';

const SAMPLE_BYTES = 64 * 1024;
/** Signatures in printable characters: these files may hold no byte that text could not hold. */
const PRINTABLE_SIGNATURES: readonly (readonly [RegExp, string])[] = [
  [/^\s*%PDF-/, 'application/pdf'],
  [/^\s*\{\\rtf/, 'application/rtf'],
  [/^\s*%!PS/, 'application/postscript'],
  [
    /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*>\s*)*(?:<!doctype svg[^>[]*(?:\[[^\]]*\]\s*)?>\s*)?(?:<!--[^>]*>\s*)*<svg[\s>]/i,
    'image/svg+xml',
  ],
];
/** UTF-16LE name of the stream in which Office keeps a document encrypted by a password (MS-OFFCRYPTO 2.3.4). */
const ENCRYPTED_PACKAGE = Buffer.from('EncryptedPackage', 'utf16le');

export const ENCRYPTED_OFFICE = 'application/x-encrypted-office';

/**
 * The type the bytes themselves show: `text/plain` for text of any kind, `application/x-encrypted-office` for an Office
 * document behind a password, `application/octet-stream` when nothing is recognised. Empty bytes are text.
 */
export const detect = async (bytes: Uint8Array): Promise<string> => {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const controls = byteOrderMark(sample) ? 0 : controlsIn(sample);
  // Before signatures, because two letters of prose (“BM”, “MZ”) are the signature of a picture or a program.
  if (controls === 0) return printableType(sample);
  const type = (await fileTypeFromBuffer(bytes))?.mime;
  if (!type) return controls <= 1 + sample.length / 100 ? printableType(sample) : 'application/octet-stream';
  return type === 'application/x-cfb' && asBuffer(bytes).includes(ENCRYPTED_PACKAGE) ? ENCRYPTED_OFFICE : type;
};

const printableType = (sample: Uint8Array): string => {
  const head = decodeText(sample.subarray(0, 2048));
  return PRINTABLE_SIGNATURES.find(([signature]) => signature.test(head))?.[1] ?? 'text/plain';
};

/** Control characters other than tab and line ends. A terminal's log holds some; a stray NUL makes no text binary. */
const controlsIn = (sample: Uint8Array): number =>
  sample.reduce((count, byte) => (byte < 0x20 && (byte < 0x09 || byte > 0x0d) ? count + 1 : count), 0);

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
