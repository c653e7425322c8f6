const MEBIBYTE = 1024 * 1024;

/** What one file may cost. A file beyond a limit ends as UnreadableDocument, whatever its parser does. */
export type ParsingLimits = {
  /** Size of the file. */
  maxBytes: number;
  /** Length of the extracted text in UTF-16 code units. */
  maxTextLength: number;
  /** Time from the start in a worker to the result; waiting for a free worker does not count. */
  timeoutMs: number;
  /** JavaScript heap of a worker process; at least 64 MiB, which its parsers take. */
  maxHeapBytes: number;
  /** Resident memory of a worker process: heap, buffers outside it and about 90 MiB of Node itself. */
  maxMemoryBytes: number;
};

export const parsingLimits: ParsingLimits = {
  maxBytes: 100 * MEBIBYTE,
  maxTextLength: 20_000_000,
  timeoutMs: 120_000,
  maxHeapBytes: 512 * MEBIBYTE,
  maxMemoryBytes: 1024 * MEBIBYTE,
};

/** What a zip container (DOCX, XLSX, PPTX) may unpack to, counted over the parts that are read. */
export const containerLimits = { maxUnpackedBytes: 200 * MEBIBYTE, maxEntries: 10_000 };
