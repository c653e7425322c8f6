import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import type { Callable } from './deployments.ts';
import { executionLogs } from './tables.ts';

/** Whose call it is: a transaction, or a unit that writes down what it reads. */
export type Writer = Pick<Transaction, 'organizationId' | 'userId'>;

/** What a call is for. */
export interface Purpose {
  readonly workspaceId: string;
  readonly purpose: string;
  /** What it serves, such as a message; null where it serves nothing that is kept, such as a search. */
  readonly targetId: string | null;
}

/** How a call ended. */
export type Outcome =
  | {
      readonly status: 'SUCCESS';
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly latencyMs: number;
      /** Null where the answer comes in one piece. */
      readonly timeToFirstTokenMs: number | null;
    }
  | { readonly status: 'ERROR'; readonly kind: string; readonly message: string; readonly latencyMs: number | null };

/** US dollars of so many tokens, calculated by the database; null where the price is unknown. */
export const costOf = (price: Callable['price'], inputTokens: number, outputTokens: number): SQL<string> | null =>
  price === null
    ? null
    : sql<string>`${inputTokens}::numeric * ${price.input}::numeric + ${outputTokens}::numeric * ${price.output}::numeric`;

/** Writes a call down before it is made, so that none goes unseen. Gives the log row's id. */
export const reserveExecution = async (
  { organizationId, userId }: Writer,
  { model, provider }: Callable,
  purpose: Purpose,
): Promise<string> => {
  const names = { providerName: provider.name, modelName: model.name, modelId: model.id };
  const rows = await database
    .insert(executionLogs)
    .values({ organizationId, userId, ...names, ...purpose })
    .returning({ id: executionLogs.id });
  return sole(rows).id;
};

/** Writes down how a call ended; the price is that of its beginning. Settled once, a call stays as it is. */
export const settleExecution = async (
  { organizationId }: Writer,
  id: string,
  outcome: Outcome,
  price: Callable['price'],
): Promise<void> => {
  const set =
    outcome.status === 'ERROR'
      ? {
          status: outcome.status,
          errorKind: outcome.kind,
          errorMessage: outcome.message,
          latencyMs: rounded(outcome.latencyMs),
        }
      : {
          status: outcome.status,
          inputTokens: outcome.inputTokens,
          outputTokens: outcome.outputTokens,
          latencyMs: rounded(outcome.latencyMs),
          timeToFirstTokenMs: rounded(outcome.timeToFirstTokenMs),
          cost: costOf(price, outcome.inputTokens, outcome.outputTokens),
        };
  await database
    .update(executionLogs)
    .set(set)
    .where(pending(organizationId, eq(executionLogs.id, id)));
};

/** Writes down that the calls for something ended without a word. */
export const abandonExecutions = async ({ organizationId }: Transaction, targetId: string): Promise<void> => {
  await database
    .update(executionLogs)
    .set({ status: 'ERROR', errorKind: 'INTERRUPTED', errorMessage: 'The server stopped during the call.' })
    .where(pending(organizationId, eq(executionLogs.targetId, targetId)));
};

/** Takes a reservation back: no call was made. */
export const releaseExecution = async ({ organizationId }: Transaction, id: string): Promise<void> => {
  await database.delete(executionLogs).where(pending(organizationId, eq(executionLogs.id, id)));
};

const pending = (organizationId: string, which: SQL) =>
  and(eq(executionLogs.organizationId, organizationId), which, eq(executionLogs.status, 'PENDING'));
const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));
