/** The five things that servers are asked for; `bench/speed.ts` says what each is. */
export const workloads = ['W1', 'W2', 'W3', 'W4', 'W5'] as const;
export type Workload = (typeof workloads)[number];

/** What a request is about. Ids are UUIDs. */
export interface Subject {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly conversationId: string;
  readonly userId: string;
  /** The user's session token. */
  readonly token: string;
  /** W4: how the server itself names the place behind the first fifty messages; null asks for those. */
  readonly cursor: string | null;
}

/** A request as it is sent to a server. */
export interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A server in the comparison: how it is asked, and what its answers mean. */
export interface Dialect {
  request(workload: Workload, subject: Subject): Sent;
  /** The answer in the common form below, which is equal for all servers. Throws when it holds an error. */
  answer(workload: Workload, body: unknown): unknown;
  /** The place behind the last message of a W4 answer, in the server's own words. */
  cursor(body: unknown): string;
}

/** W1. */
export interface ConversationAnswer {
  readonly id: string;
  readonly title: string;
  readonly status: string;
}

/** W2: its 20 newest conversations, newest first. */
export interface WorkspaceAnswer {
  readonly id: string;
  readonly name: string;
  readonly conversations: readonly { readonly id: string; readonly title: string; readonly createdAt: string }[];
}

/** W3: as W2, with the ten oldest messages of each, oldest first. */
export interface DeepAnswer {
  readonly id: string;
  readonly conversations: readonly {
    readonly id: string;
    readonly messages: readonly {
      readonly id: string;
      readonly content: string;
      readonly createdAt: string;
      readonly sender: { readonly id: string; readonly name: string } | null;
      /** The asking user's own. */
      readonly feedback: { readonly score: number } | null;
    }[];
  }[];
}

/** W4: fifty messages behind the first fifty, oldest first. */
export interface PageAnswer {
  readonly messages: readonly { readonly id: string; readonly content: string; readonly createdAt: string }[];
  readonly totalCount: number;
  readonly hasNextPage: boolean;
}

/** W5; id and time differ from call to call and are left out. */
export interface InsertedAnswer {
  readonly content: string;
}

const sentence =
  'The pilot boat goes out an hour before high water and waits at the fairway buoy; whoever needs it later calls the harbour office first, and not the boat.';
/** What W5 writes: 300 characters. */
export const writtenContent = `${sentence} ${sentence}`;

/** ISO 8601 with milliseconds, from whatever form of it a server uses. */
export const instant = (text: string): string => new Date(text).toISOString();
