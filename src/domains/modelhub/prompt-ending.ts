import { and, eq, lt, sql } from 'drizzle-orm';
import { setTimeout as pause } from 'node:timers/promises';
import { database } from '../../database/client.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { Conflict, Forbidden } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import type { Services } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { promptById, promptRunById, promptSessionById } from './prompt-loaders.ts';
import { mayChange } from './prompt-rules.ts';
import { stopRun, stopRunsOf } from './prompt-running.ts';
import { abandonRun } from './prompt-settling.ts';
import { promptRuns, type PromptRunRow } from './prompt-tables.ts';

/** How long another process has to say that it stopped, before it is taken for dead. */
const patienceMs = 3000;

/**
 * Stops a run, wherever it is being made, and gives it as it then is. For who ran the prompt, who made the session and administrators.
 * Throws Conflict (it is over), Forbidden, NotFound.
 */
export const cancelPromptRun = async (context: Context, id: string): Promise<PromptRunRow> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const run = await found('PromptRun', id, promptRunById(unit));
  const prompt = await found('Prompt', run.promptId, promptById(unit));
  const session = await found('PromptSession', run.sessionId, promptSessionById(unit));
  await unit.rest();
  if (prompt.userId !== viewer.userId && !mayChange(viewer, session))
    throw new Forbidden('PROMPT_RUN', 'Only who ran the prompt, who made the session and administrators stop it.');
  if (run.status !== 'PENDING') throw new Conflict('id', 'This run is over.');
  const now = async (): Promise<PromptRunRow> => {
    const row = await found('PromptRun', id, promptRunById(unit).clear(id));
    await unit.rest();
    return row;
  };
  if (await stopRun(id)) return now();
  stopRunsOf(services, [id]);
  // Behind its lease nobody is at it.
  const waits = run.leaseUntil !== null && Date.parse(run.leaseUntil) > Date.now();
  for (const deadline = Date.now() + (waits ? patienceMs : 0); Date.now() < deadline; await pause(200)) {
    const row = await now();
    if (row.status !== 'PENDING') return row;
  }
  const whole = unit.as(wholeOf(viewer.organizationId, viewer.userId));
  const ending = { status: 'CANCELLED' as const, errorKind: 'CANCELLED', errorMessage: 'The run was stopped.' };
  await abandonRun({ unit: whole, services }, run, ending);
  return now();
};

const atOnce = 100;
const interrupted = {
  status: 'ERROR' as const,
  errorKind: 'INTERRUPTED',
  errorMessage: 'The server stopped while answering.',
};

/** Ends the runs whose processes did not settle them in time, of all organizations, with their calls. Gives their number. */
export const endAbandonedRuns = async (services: Services, signal?: AbortSignal): Promise<number> => {
  let ended = 0;
  for await (const { id: organizationId } of organizationsWhere(services)) {
    if (signal?.aborted === true) return ended;
    const unit = unitOf(services, organizationId);
    const overdue = await unit.run(() =>
      database
        .select()
        .from(promptRuns)
        .where(
          and(
            eq(promptRuns.organizationId, organizationId),
            eq(promptRuns.status, 'PENDING'),
            lt(promptRuns.leaseUntil, sql`now()`),
          ),
        )
        .limit(atOnce),
    );
    await unit.rest();
    for (const run of overdue) if (await abandonRun({ unit, services }, run, interrupted)) ended++;
  }
  return ended;
};
