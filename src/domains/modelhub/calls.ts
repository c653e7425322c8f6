import { and, eq, sql, type SQL } from 'drizzle-orm';
import type { Usage } from '../../ai/answer.ts';
import { contextTokensOf, maxOutputTokensOf } from '../../ai/deployment.ts';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Callable, Price } from './deployments.ts';
import { executionLogs } from './execution-tables.ts';
import type { ModelRow } from './tables.ts';

/** Whose call it is: what a unit of work says of it. */
export type Caller = Pick<UnitOfWork, 'organizationId' | 'scope'>;

/** What a model is asked for. */
export interface ModelRequest {
  /** Which part of the product asks: `answer`, `agent`, `embedding`, `prompt`, `chat`, `test`, … */
  readonly purpose: string;
  /** Where; null: in no workspace. */
  readonly workspaceId: string | null;
  /** What it serves, such as a message; null where it serves nothing that is kept, such as a search. */
  readonly targetId: string | null;
  readonly type: ModelRow['type'];
  /** The model that was named; null: as the routing rules say. */
  readonly modelId: string | null;
  /** What the model has to be able to do. */
  readonly needs: ModelRow['capabilities'];
  /** Tokens of the input at most; null: as many as the window has room for. */
  readonly inputTokens: number | null;
  /** Tokens of the answer at most; null: the usual bound. */
  readonly maxOutputTokens: number | null;
  readonly tags: readonly string[];
  /** Calls of one conversation stay with one deployment while it is well; null: each call is drawn anew. */
  readonly stickyTo: string | null;
}

/** A call that is about to be made. */
export interface Attempt {
  readonly request: ModelRequest;
  readonly callable: Callable;
  /** The routing rule that chose it. */
  readonly ruleId: string | null;
  /** Which of the route's deployments it is, counted from 1. */
  readonly number: number;
}

/** How a call ended. What a call used that broke off is what is known of it. */
export interface Outcome {
  readonly status: 'SUCCESS' | 'ERROR' | 'TIMEOUT';
  /** What went wrong; null with SUCCESS. */
  readonly kind: string | null;
  readonly message: string | null;
  readonly usage: Usage;
  /** Null where nobody was there to measure. */
  readonly latencyMs: number | null;
  /** Null where the answer comes in one piece, or none came. */
  readonly timeToFirstTokenMs: number | null;
}

export const unused: Usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, estimated: false };

/** The outcome of a call that went well. */
export const succeeded = (usage: Usage, latencyMs: number, timeToFirstTokenMs: number | null): Outcome => ({
  status: 'SUCCESS',
  kind: null,
  message: null,
  usage,
  latencyMs,
  timeToFirstTokenMs,
});

/** The outcome of a call that did not. */
export const failed = (kind: string, message: string, latencyMs: number | null, usage: Usage = unused): Outcome => ({
  status: kind === 'TIMEOUT' ? 'TIMEOUT' : 'ERROR',
  kind,
  message,
  usage,
  latencyMs,
  timeToFirstTokenMs: null,
});

/** US dollars of so many tokens, calculated by the database; null where the price is unknown. */
export const costOf = (
  price: Price | null,
  { inputTokens, cachedInputTokens, outputTokens }: Pick<Usage, 'inputTokens' | 'cachedInputTokens' | 'outputTokens'>,
): SQL<string> | null =>
  price === null
    ? null
    : sql<string>`${inputTokens - cachedInputTokens}::numeric * ${price.input}::numeric
        + ${cachedInputTokens}::numeric * ${price.cachedInput ?? price.input}::numeric
        + ${outputTokens}::numeric * ${price.output}::numeric`;

/** The most tokens that a call can use. */
export const mostTokens = ({ request, callable }: Pick<Attempt, 'request' | 'callable'>) => {
  const window = contextTokensOf(callable.deployment);
  const output = request.type === 'EMBEDDING' ? 0 : Math.min(maxOutputTokensOf(callable.deployment), window);
  return { input: request.inputTokens ?? window - output, output };
};

/** Seconds beyond its own time-outs that a call may take to be settled. */
const graceSeconds = 60;
/** How long a call is believed to go on: it is over before, because each try is bounded in time. */
const leaseSecondsOf = ({ deployment }: Callable): number => Math.ceil(deployment.timeoutMs / 1000) + graceSeconds;

/**
 * Writes a call down before it is made, so that none goes unseen, and promises it what it may use of the bounds that hold. Gives the log row's id.
 * One statement, in the unit's running transaction. Throws QuotaExceeded.
 */
export const reserveCall = async (caller: Caller, attempt: Attempt): Promise<string> => {
  const { organizationId, scope } = caller;
  const { request, callable, ruleId, number } = attempt;
  const { model, provider, price, providerKeyId, platformKeyId } = callable;
  const rows = await database
    .insert(executionLogs)
    .values({
      organizationId,
      userId: scope.userId,
      apiKeyId: scope.apiKeyId ?? null,
      workspaceId: request.workspaceId,
      purpose: request.purpose,
      targetId: request.targetId,
      tags: [...request.tags],
      providerId: provider.id,
      providerName: provider.name,
      modelId: model.id,
      modelName: model.name,
      modelType: model.type,
      providerKeyId,
      platformKeyId,
      ruleId,
      attempt: number,
      inputPrice: price?.input ?? null,
      cachedInputPrice: price?.cachedInput ?? null,
      outputPrice: price?.output ?? null,
      leaseUntil: sql`now() + make_interval(secs => ${leaseSecondsOf(callable)})`,
    })
    .returning({ id: executionLogs.id });
  return sole(rows).id;
};

/** Writes down how a call ended, with its cost, in place of what was promised to it. Settled once, a call stays as it is. */
export const settleCall = async (
  { organizationId }: Caller,
  id: string,
  { status, kind, message, usage, latencyMs, timeToFirstTokenMs }: Outcome,
  price: Price | null,
): Promise<void> => {
  await database
    .update(executionLogs)
    .set({
      status,
      errorKind: kind,
      errorMessage: message,
      inputTokens: usage.inputTokens,
      cachedInputTokens: usage.cachedInputTokens,
      outputTokens: usage.outputTokens,
      estimated: usage.estimated,
      cost: costOf(price, usage),
      latencyMs: rounded(latencyMs),
      timeToFirstTokenMs: rounded(timeToFirstTokenMs),
      leaseUntil: null,
      endedAt: sql`now()`,
    })
    .where(pending(organizationId, eq(executionLogs.id, id)));
};

/** Writes down that the calls for something ended without a word. */
export const abandonCalls = async ({ organizationId }: Caller, targetId: string): Promise<void> => {
  await database
    .update(executionLogs)
    .set({
      status: 'ERROR',
      errorKind: 'INTERRUPTED',
      errorMessage: 'The server stopped during the call.',
      leaseUntil: null,
      endedAt: sql`now()`,
    })
    .where(pending(organizationId, eq(executionLogs.targetId, targetId)));
};

/** Takes a reservation back: no call was made. */
export const releaseCall = async ({ organizationId }: Caller, id: string): Promise<void> => {
  await database.delete(executionLogs).where(pending(organizationId, eq(executionLogs.id, id)));
};

const pending = (organizationId: string, which: SQL) =>
  and(eq(executionLogs.organizationId, organizationId), which, eq(executionLogs.status, 'PENDING'));
const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));
