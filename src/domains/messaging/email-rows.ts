import type { EmailRow } from './email-tables.ts';

/** An e-mail that a search found. */
export interface EmailSearchEdgeRow {
  readonly node: EmailRow;
  readonly cursor: string;
  readonly query: string;
}
