import type { TextComparison } from '../text-comparison.ts';
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
