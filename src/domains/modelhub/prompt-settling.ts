import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { keepContent, type CallContent } from './call-contents.ts';
import { abandonCalls, costInLedger, settleCall, type Outcome } from './calls.ts';
import type { ModelCall } from './model-call.ts';
import { promptTopic, type RunNotice } from './prompt-events.ts';
import { isSession } from './prompt-rules.ts';
import { promptRuns, promptSessions, type PromptRunRow } from './prompt-tables.ts';

/** What settles runs: a unit that sees the whole organization. */
export interface RunMeans {
  readonly unit: UnitOfWork;
  readonly services: Services;
}

/** A run's own place. */
export type RunPlace = Pick<PromptRunRow, 'id' | 'promptId' | 'sessionId'>;

/** How a run ended. */
export interface RunEnding {
  readonly status: Exclude<PromptRunRow['status'], 'PENDING'>;
  readonly text: string;
  /** Null: none was asked for, or none came. */
  readonly object: unknown;
  readonly outcome: Outcome;
  readonly content: CallContent;
}

/** What becomes of the run's row beside its cost. */
type Fields = Partial<typeof promptRuns.$inferInsert> & Pick<RunEnding, 'status'>;

/**
 * Ends a run that has not ended, in the running transaction, once its calls are settled: its cost is theirs, and the session's rises by it. False
 * when it had ended, or is gone. The session is locked before the run, as whoever changes its readers does.
 */
const endRun = async (
  { unit, services }: RunMeans,
  { id, promptId, sessionId }: RunPlace,
  fields: Fields,
  settleCalls: () => Promise<unknown>,
): Promise<boolean> => {
  const { organizationId } = unit;
  await database
    .select({ id: promptSessions.id })
    .from(promptSessions)
    .where(isSession(organizationId, sessionId))
    .for('update');
  await settleCalls();
  const [ended] = await database
    .update(promptRuns)
    .set({ ...fields, cost: costInLedger(organizationId, id), leaseUntil: null, endedAt: sql`now()` })
    .where(and(eq(promptRuns.organizationId, organizationId), eq(promptRuns.id, id), eq(promptRuns.status, 'PENDING')))
    .returning({ cost: promptRuns.cost });
  if (ended === undefined) return false;
  if (ended.cost !== null)
    await database
      .update(promptSessions)
      .set({ cost: sql`${promptSessions.cost} + ${ended.cost}::numeric` })
      .where(isSession(organizationId, sessionId));
  const data = { status: fields.status };
  unit.record({ action: 'prompt_run.ended', type: 'PromptRun', id, data });
  const notice: RunNotice = { kind: 'ended', runId: id };
  unit.afterCommit(() => services.bus.publish(promptTopic(promptId), notice));
  return true;
};

/** Writes down how a run ended, with its call, in one transaction. The call is settled also where the run is gone. */
export const settleRun = (
  means: RunMeans,
  place: RunPlace,
  call: ModelCall,
  { status, text, object, outcome, content }: RunEnding,
): Promise<boolean> =>
  means.unit.transact(() => {
    const { usage, kind, message, latencyMs, timeToFirstTokenMs } = outcome;
    const { model, provider } = call.callable;
    const known = status === 'SUCCESS' || usage.inputTokens + usage.outputTokens > 0;
    const fields = {
      status,
      text,
      object,
      modelId: model.id,
      modelName: model.name,
      providerName: provider.name,
      executionId: call.executionId,
      inputTokens: known ? usage.inputTokens : null,
      outputTokens: known ? usage.outputTokens : null,
      latencyMs: latencyMs === null ? null : Math.round(latencyMs),
      timeToFirstTokenMs: timeToFirstTokenMs === null ? null : Math.round(timeToFirstTokenMs),
      errorKind: kind,
      errorMessage: message,
    };
    return endRun(means, place, fields, async () => {
      await settleCall(means.unit, call.executionId, outcome);
      await keepContent(means.unit, call, () => content);
    });
  });

/** Ends a run of which nobody is at work, and its calls. False when it had ended. */
export const abandonRun = (
  means: RunMeans,
  place: RunPlace,
  ending: { readonly status: 'ERROR' | 'CANCELLED'; readonly errorKind: string; readonly errorMessage: string },
): Promise<boolean> =>
  means.unit.transact(() => endRun(means, place, ending, () => abandonCalls(means.unit, place.id)));
