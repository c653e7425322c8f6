import type { TermShare } from '../../search/explanation.ts';
import type { Hit, HybridQuery } from '../../search/hybrid-search.ts';
import type { DocumentChunkRow } from './tables.ts';

/** A passage that a search found, with what its highlights are made from. */
export interface SearchEdgeRow {
  readonly hit: Hit;
  readonly node: DocumentChunkRow;
  readonly query: string;
  readonly language: string;
  /** What its terms add, read for all hits of the search at once when the first is asked for. */
  readonly explain: () => Promise<SearchExplanationRow>;
}

/** Why a hit stands where it does. */
export interface SearchExplanationRow {
  readonly hit: Hit;
  readonly asked: HybridQuery;
  readonly shares: readonly TermShare[];
}

/** A workspace that pages may be saved into. */
export interface SavingPlaceRow {
  readonly id: string;
  readonly name: string;
}

/** A tag that documents of a workspace have. */
export interface DocumentTagRow {
  /** Of the workspace; the tag tells the rows of one apart. */
  readonly id: string;
  readonly tag: string;
  /** Only what the viewer sees. */
  readonly documentCount: number;
}

/** A part of a document's text. */
export interface DocumentPreviewRow {
  readonly text: string;
  /** Offsets into the whole text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Of the whole text, in UTF-16 code units. */
  readonly length: number;
}

/** Who may read a document: principals, or null for all who see its workspace. */
export interface DocumentAccessRow {
  readonly readers: readonly string[] | null;
}

/** What searches of a time come to. */
export interface SearchStatisticsRow {
  readonly searches: number;
  readonly withoutHits: number;
  /** The most frequent first. */
  readonly frequentQueries: { readonly query: string; readonly searches: number; readonly withoutHits: number }[];
}
