/** A message to one person. */
export interface Mail {
  /** One bare address, `ada@example.com`. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
}
