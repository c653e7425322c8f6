import { fileTypeFromBuffer } from 'file-type';
import { byteOrderMark, decodeText } from './decode.ts';

const SAMPLE_BYTES = 64 * 1024;
/** Signatures in printable characters: these files may hold no byte that text could not hold. */
const PRINTABLE_SIGNATURES: readonly (readonly [RegExp, string])[] = [
  [/^\s*%PDF-/, 'application/pdf'],
  [/^\s*\{\\rtf/, 'application/rtf'],
  [/^\s*%!PS/, 'application/postscript'],
  [/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*>\s*)*(?:<!doctype svg[^>]*>\s*)?(?:<!--[^>]*>\s*)*<svg[\s>]/i, 'image/svg+xml'],
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
  // Before signatures, because two letters of prose (“BM”, “MZ”) are the signature of a picture or a program.
  if (isText(sample)) {
    const head = decodeText(sample.subarray(0, 2048));
    return PRINTABLE_SIGNATURES.find(([signature]) => signature.test(head))?.[1] ?? 'text/plain';
  }
  const type = (await fileTypeFromBuffer(bytes))?.mime ?? 'application/octet-stream';
  return type === 'application/x-cfb' && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(ENCRYPTED_PACKAGE)
    ? ENCRYPTED_OFFICE
    : type;
};

/** No NUL, and nearly no control characters (a terminal's log may hold some); UTF-16 only with its mark. */
const isText = (sample: Uint8Array): boolean => {
  if (byteOrderMark(sample)) return true;
  let controls = 0;
  for (const byte of sample) {
    if (byte === 0) return false;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d) controls += 1;
  }
  return controls <= sample.length / 100 && !hasBinarySignature(sample);
};

/** Compressed data without a NUL in a short file would pass for text; these begin like no text does. */
const hasBinarySignature = (sample: Uint8Array): boolean =>
  Buffer.from(sample.subarray(0, 4)).equals(Buffer.from('PK\u0003\u0004')) || (sample[0] ?? 0) === 0x89;
