import type { TermShare } from '../../search/explanation.ts';
import type { Hit, HybridQuery } from '../../search/hybrid-search.ts';
import type { BankSettings } from './bank-settings.ts';
import type { FoundPassage } from './entry-search.ts';

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
