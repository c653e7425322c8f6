import type { TermShare } from '../../search/explanation.ts';
import type { Hit, HybridQuery } from '../../search/hybrid-search.ts';
import type { TextComparison } from '../text-comparison.ts';
import type { BankSettings } from './bank-settings.ts';
import type { FoundPassage } from './entry-search.ts';
import type { KnowledgeVersionRow } from './tables.ts';

/** A category of the entries that the viewer sees. */
export interface KnowledgeCategoryRow {
  /** Of the organization; the name tells the rows of one apart. */
  readonly id: string;
  readonly name: string;
  readonly entryCount: number;
  /** In alphabetical order, the first hundred. */
  readonly subcategories: readonly { readonly name: string; readonly entryCount: number }[];
}

/** What differs between two versions of an entry. */
export interface KnowledgeComparisonRow extends TextComparison {
  readonly from: KnowledgeVersionRow;
  readonly to: KnowledgeVersionRow;
  readonly changed: readonly ('TITLE' | 'CONTENT' | 'CATEGORY' | 'SUBCATEGORY' | 'TAGS')[];
  readonly addedTags: readonly string[];
  readonly removedTags: readonly string[];
}

/** How the bank of the viewer's organization is searched. */
export interface KnowledgeBankRow extends BankSettings {}

/** A passage of an entry. */
export type KnowledgePassageRow = FoundPassage;

/** A passage of an entry that a search found, with what its highlights are made from. */
export interface KnowledgeSearchEdgeRow {
  readonly hit: Hit;
  readonly node: FoundPassage;
  readonly query: string;
  readonly language: string;
  /** What its terms add, read for all hits of the search at once when the first is asked for. */
  readonly explain: () => Promise<{
    readonly hit: Hit;
    readonly asked: HybridQuery;
    readonly shares: readonly TermShare[];
  }>;
}
