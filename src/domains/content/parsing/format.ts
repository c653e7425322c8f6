import type { ParsedDocument } from '../../../search/chunking/parsed-document.ts';

/** One kind of document: a file in `formats/` that exports it as `format` is all that a further kind needs. */
export type Format = {
  /** The kind in a sentence: “a Word document”. */
  label: string;
  /** Types that name the kind, the usual one first. Text kinds share bytes, so only binary kinds must list what file-type finds. */
  mimeTypes: readonly [string, ...string[]];
  /** File name extensions without the dot, in lower case. */
  extensions: readonly string[];
  /** Whether the file is plain text that must be decoded, or bytes with a signature. */
  encoding: 'text' | 'binary';
  /**
   * Reads a file whose signature has been checked. Runs in a worker. May throw UnreadableDocument; any other error
   * is reported as a damaged file. The parser's packages are imported here and not on top, as registering must be cheap.
   */
  parse: (bytes: Uint8Array, name: string) => Promise<ParsedDocument>;
};
