import { sql, type SQL } from 'drizzle-orm';
import type { Usage } from '../../ai/answer.ts';
import { contextTokensOf, maxOutputTokensOf } from '../../ai/deployment.ts';
import { database } from '../../database/client.ts';
import { lazily } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { Statement } from '../../database/statement.ts';
import type { Change, UnitOfWork } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import type { Callable, Price } from './deployments.ts';
import { executionLogs } from './execution-tables.ts';
import { refusalOf, type Refused } from './refusal.ts';
import type { ModelRow } from './tables.ts';
import { tellCall, watchCall } from './watched-calls.ts';

/** Whose call it is, and where it is written down. */
export type Caller = Pick<UnitOfWork, 'organizationId' | 'scope' | 'select'>;
/** Whose call has ended, where that is written down, and what comes of it recorded. */
export type Settler = Pick<UnitOfWork, 'organizationId' | 'select' | 'record'>;

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

/** A call that is about to be settled, and what it will cost; null: unknown. */
interface Settling {
  readonly executionId: string;
  readonly cost: SQL<string> | null;
}

/**
 * US dollars of the calls that wrote something, as a message or a run: those that are settled, and the one that will be. Null where what one cost that
 * used anything is unknown. What finding its passages cost is not among them.
 */
export const costInLedger = (organizationId: string, targetId: string, settling?: Settling) => {
  const { cost, id, status, inputTokens, outputTokens } = executionLogs;
  const isSettling =
    settling === undefined ? sql`false` : sql`(${id} = ${settling.executionId} and ${status} = 'PENDING')`;
  const due = sql`case when ${isSettling} then ${settling?.cost ?? sql`null`} else ${cost} end`;
  return sql<string>`(
    select case when bool_and(${due} is not null or (not ${isSettling} and ${inputTokens} + ${outputTokens} = 0)) then sum(${due}) end
    from ${executionLogs}
    where ${executionLogs.organizationId} = ${organizationId} and ${executionLogs.targetId} = ${targetId}
      and ${executionLogs.modelType} <> 'EMBEDDING')`;
};

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

/** A parameter of a function of the database. */
const given = (name: string, type: string) => sql`${sql.placeholder(name)}::${sql.raw(type)}`;

const reservation = lazily(() =>
  Statement.select(
    database.select({ refusal: sql<Refused | null>`refusal`.as('refusal') }).from(sql`app_reserve_call(
      ${given('organizationId', 'uuid')}, ${given('id', 'uuid')}, ${given('userId', 'uuid')}, ${given('apiKeyId', 'uuid')},
      ${given('workspaceId', 'uuid')}, ${given('purpose', 'text')}, ${given('targetId', 'uuid')},
      ${sql.param(sql.placeholder('tags'), executionLogs.tags)}::text[], ${given('providerId', 'uuid')}, ${given('providerName', 'text')},
      ${given('modelId', 'uuid')}, ${given('modelName', 'text')}, ${given('modelType', 'text')}, ${given('providerKeyId', 'uuid')},
      ${given('platformKeyId', 'uuid')}, ${given('ruleId', 'uuid')}, ${given('attempt', 'integer')}, ${given('inputPrice', 'numeric')},
      ${given('cachedInputPrice', 'numeric')}, ${given('outputPrice', 'numeric')}, ${given('leaseSeconds', 'integer')},
      ${given('mostInput', 'bigint')}, ${given('mostOutput', 'bigint')}
    ) as refusal`),
  ),
);

/**
 * Writes a call down before it is made, so that none goes unseen, and promises it what it may use of all budgets, quotas of keys and the bound on tokens
 * that hold for it: all of it, or nothing. Gives the log row's id. One statement, in the unit's running transaction, which goes on after a refusal as
 * if nothing had been tried. Throws Conflict (money is bounded and the model's price unknown), QuotaExceeded.
 */
export const reserveCall = async (caller: Caller, attempt: Attempt): Promise<string> => {
  const { organizationId, scope } = caller;
  const { request, callable, ruleId, number } = attempt;
  const { model, provider, price, providerKeyId, platformKeyId } = callable;
  const id = newId();
  const { input, output } = mostTokens(attempt);
  const rows = await caller.select(reservation(), {
    organizationId,
    id,
    userId: scope.userId,
    apiKeyId: scope.apiKeyId ?? null,
    workspaceId: request.workspaceId,
    purpose: request.purpose,
    targetId: request.targetId,
    tags: request.tags,
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
    leaseSeconds: leaseSecondsOf(callable),
    mostInput: input,
    mostOutput: output,
  });
  const { refusal } = sole(rows);
  if (refusal !== null) throw refusalOf(refusal, model.name);
  watchCall(id, callable);
  return id;
};

/** Gives the thresholds of budgets that a call has crossed; amounts are decimal text. */
const settlement = lazily(() =>
  Statement.select(
    database
      .select({
        budgetId: sql<string>`budget_id`.as('budgetId'),
        percentage: sql<number>`percentage`.as('percentage'),
        used: sql<string>`used::text`.as('used'),
        limit: sql<string>`"limit"::text`.as('limit'),
        resetsAt: sql<string>`resets_at`.as('resetsAt'),
      })
      .from(
        sql`app_settle_call(
          ${given('organizationId', 'uuid')}, ${given('id', 'uuid')}, ${given('status', 'text')}, ${given('kind', 'text')},
          ${given('message', 'text')}, ${given('inputTokens', 'bigint')}, ${given('cachedInputTokens', 'bigint')},
          ${given('outputTokens', 'bigint')}, ${given('estimated', 'boolean')}, ${given('latencyMs', 'integer')},
          ${given('timeToFirstTokenMs', 'integer')}
        )`,
      ),
  ),
);

/**
 * Writes down how a call ended, with its cost at the prices that were written down before it, and puts what it used in place of what was promised to it.
 * One statement. Each threshold of a budget that it crosses is recorded, once in a window. Settled once, a call stays as it is. The unit's
 * transaction is best a short one: others who use the same budgets wait for its end.
 */
export const settleCall = async (unit: Settler, id: string, outcome: Outcome): Promise<void> => {
  for (const change of await settledCall(unit, id, outcome)) unit.record(change);
};

/** The same for who records by itself what it gives: the thresholds that were crossed. */
export const settledCall = async (
  unit: Pick<Settler, 'organizationId' | 'select'>,
  id: string,
  { status, kind, message, usage, latencyMs, timeToFirstTokenMs }: Outcome,
): Promise<Change[]> => {
  const crossed = await unit.select(settlement(), {
    organizationId: unit.organizationId,
    id,
    status,
    kind,
    message,
    ...usage,
    latencyMs: rounded(latencyMs),
    timeToFirstTokenMs: rounded(timeToFirstTokenMs),
  });
  tellCall(id, { status, usage, latencyMs });
  return crossed.map(({ budgetId, percentage, used, limit, resetsAt }) => ({
    action: percentage < 100 ? 'budget.warned' : 'budget.exhausted',
    type: 'Budget',
    id: budgetId,
    data: { percentage, used, limit, resetsAt },
  }));
};

/**
 * Writes down that the calls for something ended without a word. What they used is unknown: they are logged as INTERRUPTED without a cost, and what was
 * promised to them is given back. One statement.
 */
export const abandonCalls = ({ organizationId }: Pick<Caller, 'organizationId'>, targetId: string): Promise<unknown> =>
  abandon(organizationId, sql`${executionLogs.targetId} = ${targetId} order by ${executionLogs.id} for update`);

/** How many calls one transaction ends at most. */
const atOnce = 200;

/** The same for calls whose leases have ended, at most 200 of them; gives their number. */
export const abandonOverdueCalls = ({ organizationId }: Pick<Caller, 'organizationId'>): Promise<number> =>
  abandon(
    organizationId,
    sql`${executionLogs.leaseUntil} < now() order by ${executionLogs.id} limit ${atOnce} for update skip locked`,
  );

const abandon = async (organizationId: string, which: SQL): Promise<number> => {
  const rows = await database.execute<{ ended: number }>(sql`select app_abandon_calls(${organizationId}::uuid, array(
    select ${executionLogs.id} from ${executionLogs}
    where ${executionLogs.organizationId} = ${organizationId} and ${executionLogs.status} = 'PENDING' and ${which}
  )) as ended`);
  return sole(rows).ended;
};

/** Takes a reservation back: no call was made. One statement. */
export const releaseCall = async ({ organizationId }: Pick<Caller, 'organizationId'>, id: string): Promise<void> => {
  await database.execute(sql`select app_release_call(${organizationId}::uuid, ${id}::uuid)`);
};

const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));
