import type { ReadLetter } from '../../../mail/reading.ts';
import { chunk } from '../../../search/chunking/chunk.ts';
import type { Chunk, ChunkOptions } from '../../../search/chunking/chunk.ts';
import { parsingLimits } from './limits.ts';
import type { ParsedDocument, Source } from '../../../search/chunking/parsed-document.ts';
import { UnreadableDocument } from './unreadable-document.ts';
import { WorkerPool } from './worker-pool.ts';

/** Two files at once: parsing is bound by the processor, which the server needs too. */
const WORKERS = 2;
/** Shorter texts are cut at once in this process: 20 ms at most, less than they would take to travel. */
const MAX_INLINE_LENGTH = 100_000;

let pool: WorkerPool | undefined;
const workers = (): WorkerPool => (pool ??= new WorkerPool(WORKERS, parsingLimits));

/**
 * Reads a file into text with blocks, headings and pages. Runs in a worker process under `parsingLimits`. Throws UnreadableDocument, whose
 * message is for the person who uploaded the file, when it is empty, too large, damaged, encrypted, holds no text, or is not what it says.
 */
export const parse = async (source: Source): Promise<ParsedDocument> => {
  const { maxBytes } = parsingLimits;
  if (source.bytes.length > maxBytes) {
    throw new UnreadableDocument(`This file is larger than ${Math.floor(maxBytes / 1024 / 1024)} MB.`);
  }
  // A worker answers a task of this kind with a document and the other with chunks; see worker.ts.
  return (await workers().run({ kind: 'parse', source })) as ParsedDocument;
};

/** Cuts a document as `chunk` does, a long one in a worker process, so that the server goes on answering meanwhile. */
export const chunkAside = async (document: ParsedDocument, options: ChunkOptions = {}): Promise<Chunk[]> =>
  document.text.length <= MAX_INLINE_LENGTH
    ? chunk(document, options)
    : ((await workers().run({ kind: 'chunk', document, options })) as Chunk[]);

/** Reads an e-mail as `readLetter` does, in a worker process under `parsingLimits`. Throws UnreadableDocument, whose message is for who handed it over. */
export const readLetterAside = async (bytes: Uint8Array): Promise<ReadLetter> =>
  (await workers().run({ kind: 'letter', bytes })) as ReadLetter;

/** Ends the worker processes; the next file starts new ones. */
export const closeParsers = async (): Promise<void> => {
  const closing = pool;
  pool = undefined;
  await closing?.close();
};
