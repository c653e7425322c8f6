import type { ReadLetter } from '../../../mail/reading.ts';
import type { Chunk, ChunkOptions } from '../../../search/chunking/chunk.ts';
import type { ParsedDocument, Source } from '../../../search/chunking/parsed-document.ts';

/** What a worker can be asked to do. */
export type Task =
  | { kind: 'parse'; source: Source }
  | { kind: 'chunk'; document: ParsedDocument; options: ChunkOptions }
  | { kind: 'letter'; bytes: Uint8Array };

export type Result = ParsedDocument | Chunk[] | ReadLetter;

export type Request = { id: number; task: Task };

/** `reason` is for the person who uploaded the file, `cause` for the log; `failure` is a fault of ours. */
export type Reply =
  { id: number; result: Result } | { id: number; reason: string; cause: string } | { id: number; failure: string };
