import type { Hit } from '../../search/hybrid-search.ts';
import type { DocumentChunkRow } from './tables.ts';

/** A passage that a search found, with what its highlights are made from. */
export interface SearchEdgeRow {
  readonly hit: Hit;
  readonly node: DocumentChunkRow;
  readonly query: string;
  readonly language: string;
}

/** A workspace that pages may be saved into. */
export interface SavingPlaceRow {
  readonly id: string;
  readonly name: string;
}

/** Who may read a document: principals, or null for all who see its workspace. */
export interface DocumentAccessRow {
  readonly readers: readonly string[] | null;
}
