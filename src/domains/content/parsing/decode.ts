import chardet from 'chardet';

const SAMPLE_BYTES = 64 * 1024;
/** Of 100. A few words give every encoding 10; one that is meant gives 25 and more. */
const LEAST_CONFIDENCE = 20;
const DECLARED_CHARSET = /charset\s*=\s*["']?([\w-]{2,30})/i;

/**
 * Text of unknown encoding: a byte order mark decides, then valid UTF-8, then the charset an HTML page declares, then
 * the likeliest encoding by letter frequencies. Never throws; undecodable bytes become U+FFFD.
 */
export const decodeText = (bytes: Uint8Array): string => {
  const marked = byteOrderMark(bytes);
  if (marked) return new TextDecoder(marked).decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder(likelyEncoding(bytes)).decode(bytes);
  }
};

/** The encoding a byte order mark names. */
export const byteOrderMark = (bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' | null => {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null;
};

const likelyEncoding = (bytes: Uint8Array): string => {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const [guess] = chardet.analyse(sample);
  const chosen = guess && guess.confidence >= LEAST_CONFIDENCE ? guess.name : null;
  const declared = DECLARED_CHARSET.exec(Buffer.from(sample.subarray(0, 1024)).toString('latin1'))?.[1];
  return [declared, chosen].find(isDecodable) ?? 'windows-1252';
};

const isDecodable = (encoding: string | null | undefined): encoding is string => {
  // A page that declares UTF-8 comes here only when its bytes are none.
  if (!encoding || /^utf-?8$/i.test(encoding)) return false;
  try {
    return new TextDecoder(encoding).encoding !== 'utf-8';
  } catch {
    return false;
  }
};
