/** One step from a version of an office document to another. */
export interface OfficeDocumentDifferenceRow {
  readonly operation: 'ADD' | 'REMOVE' | 'REPLACE';
  /** A JSON Pointer (RFC 6901) into the content; empty for the whole. */
  readonly path: string;
  /** Undefined where there was none, or it is too long. */
  readonly oldValue: unknown;
  /** Undefined where there is none, or it is too long. */
  readonly newValue: unknown;
  readonly valuesLeftOut: boolean;
}

/** What changed between two versions of an office document. */
export interface OfficeDocumentComparisonRow {
  readonly from: number;
  readonly to: number;
  readonly differences: readonly OfficeDocumentDifferenceRow[];
  /** More has changed than is told. */
  readonly truncated: boolean;
}
