/** Events of one name and source. */
export interface EventNameRow {
  readonly name: string;
  readonly source: 'CLIENT' | 'SERVER';
  readonly count: number;
  readonly lastOccurredAt: string;
}
