/** Something that a server said it has done, with what must be found of it ever after. */
export type Acknowledged =
  | { readonly kind: 'person'; readonly id: string; readonly organizationId: string }
  | { readonly kind: 'session' }
  | { readonly kind: 'document'; readonly id: string; readonly text: string }
  | { readonly kind: 'upload'; readonly id: string; readonly organizationId: string; readonly sha256: string }
  | { readonly kind: 'message'; readonly id: string; readonly content: string }
  | { readonly kind: 'question'; readonly id: string; readonly content: string }
  | { readonly kind: 'answer'; readonly id: string; readonly status: string; readonly content: string }
  | { readonly kind: 'feedback'; readonly id: string; readonly messageId: string; readonly comment: string };

export type Kind = Acknowledged['kind'];

/** Of one kind. */
export type AcknowledgedOf<Of extends Kind> = Extract<Acknowledged, { kind: Of }>;

/** Everything clients were told, in their own memory, where no fault of the system reaches it. UUIDs, not global ids. */
export class Chronicle {
  readonly entries: (Acknowledged & { readonly token: string })[] = [];
  /** Answers to requests that no honest client should get, such as INTERNAL_SERVER_ERROR, or none within a minute. */
  readonly surprises: string[] = [];
  /** Requests that ended without an acknowledgement, by the reason. */
  readonly refusals = new Map<string, number>();

  /** Adds what was said to whoever holds the token. */
  add({ token }: { readonly token: string | null }, entry: Acknowledged): void {
    this.entries.push({ ...entry, token: token ?? '' });
  }

  refused(reason: string): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  of<Of extends Kind>(kind: Of): AcknowledgedOf<Of>[] {
    return this.entries.filter((entry): entry is AcknowledgedOf<Of> & { token: string } => entry.kind === kind);
  }
}
