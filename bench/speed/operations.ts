/** The five things that servers are asked for; `bench/speed.ts` says what each is. */
export const workloads = ['W1', 'W2', 'W3', 'W4', 'W5'] as const;
export type Workload = (typeof workloads)[number];

/** What a request is about; ids are UUIDs. */
export interface Subject {
  readonly organizationId: string;
  /** The viewer: whose feedback is read, and who writes. */
  readonly userId: string;
  readonly workspaceId: string;
  readonly conversationId: string;
  /** The viewer's session token, for the one server that asks for it. */
  readonly token: string;
}

/** One GraphQL document of a server, and how its answer is brought into the form that all servers are compared in. */
export interface Operation<Arguments, Answer> {
  readonly query: string;
  readonly variables: (given: Arguments) => Record<string, unknown>;
  /** Takes the parsed body. Throws when it holds errors, or nothing where something has to be. */
  readonly answer: (body: unknown) => Answer;
}

export interface ConversationAnswer {
  readonly id: string;
  readonly title: string;
  readonly status: string;
}

/** Moments are ISO 8601 in UTC with milliseconds. */
export interface ListedConversation {
  readonly id: string;
  readonly title: string;
  readonly createdAt: string;
}

/** A workspace with its 20 newest conversations, newest first. */
export interface WorkspaceAnswer {
  readonly id: string;
  readonly name: string;
  readonly conversations: readonly ListedConversation[];
}

export interface MessageAnswer {
  readonly id: string;
  readonly content: string;
  readonly createdAt: string;
}

/** The feedback is the viewer's own. */
export interface JudgedMessage extends MessageAnswer {
  readonly sender: { readonly id: string; readonly name: string } | null;
  readonly feedback: { readonly score: number } | null;
}

/** A workspace's 20 newest conversations, newest first, each with its 10 oldest messages, oldest first. */
export interface TreeAnswer {
  readonly id: string;
  readonly conversations: readonly { readonly id: string; readonly messages: readonly JudgedMessage[] }[];
}

/** Oldest first. */
export interface PageAnswer {
  readonly messages: readonly MessageAnswer[];
  readonly totalCount: number;
  readonly hasNextPage: boolean;
}

/** The workloads in the words of one server. */
export interface Operations {
  /** One conversation by its id. */
  readonly W1: Operation<Subject, ConversationAnswer>;
  readonly W2: Operation<Subject, WorkspaceAnswer>;
  readonly W3: Operation<Subject, TreeAnswer>;
  /** The 50 messages after the cursor. */
  readonly W4: Operation<Subject & { readonly after: string }, PageAnswer>;
  /** The cursor behind the conversation's first 50 messages; asked once, before W4 is measured. */
  readonly firstPage: Operation<Subject, string>;
  readonly W5: Operation<Subject & { readonly content: string }, MessageAnswer>;
}

const sentence =
  'The pilot boat goes out an hour before high water and waits at the fairway buoy; whoever needs it later calls the harbour office first, and not the boat.';
/** What W5 writes: 300 characters. */
export const writtenContent = `${sentence} ${sentence}`;

/** The data of an answer. Throws when it holds errors. */
export const dataOf = (body: unknown): unknown => {
  const { data, errors } = body as { data?: unknown; errors?: unknown };
  if (errors !== undefined || data === undefined || data === null)
    throw new Error(`The server answered ${JSON.stringify(body).slice(0, 1000)}`);
  return data;
};

/** A moment in whatever form `Date` understands, in the common one. */
export const moment = (text: string): string => new Date(text).toISOString();
