import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, wholeOf } from '../../database/unit-of-work.ts';
import { platformEvents, type PlatformEventRow } from '../../events/tables.ts';
import type { Services, Work } from '../services.ts';
import { knowledgeOf } from './schema.ts';
import {
  banks,
  heardEvents,
  knowledgeEntries,
  knowledgeVersions,
  outbox,
  promptTemplateLabels,
  promptTemplates,
  promptTemplateVersions,
  trainingExamples,
} from './tables.ts';

const origin = { requestId: 'forgetting', address: null, userAgent: null };

/** How far back it is listened: longer than the bank may be out of reach without anybody mending it. */
const days = 30;
/** Longer than any request: what had begun before an erasure may have written behind its back. */
const sweepDays = 3;

/**
 * Lets the bank follow the erasure of organizations and people, of which the log of the installation tells: no foreign key leads from it to them. Each event
 * is acted on once; whatever fails is tried again the next time.
 */
export const forgetErased = ({ services }: Work, signal: AbortSignal): Promise<void> =>
  follow(services, signal, { sinceDays: days, again: false });

/** Looks once more after whoever was erased in the last days. Meant to run daily. */
export const sweepForgotten = ({ services }: Work, signal: AbortSignal): Promise<void> =>
  follow(services, signal, { sinceDays: sweepDays, again: true });

const follow = async (
  services: Services,
  signal: AbortSignal,
  { sinceDays, again }: { readonly sinceDays: number; readonly again: boolean },
): Promise<void> => {
  const installation = new UnitOfWork(nowhere, { ...services, origin });
  for await (const page of erasures(installation, sinceDays)) {
    const heard = again ? new Set<string>() : await heardOf(installation, page);
    for (const event of page) {
      if (signal.aborted) return;
      if (!heard.has(event.id)) await act(services, installation, event);
    }
  }
};

const pageSize = 500;

/** What the log tells of erasures, oldest first, by pages that are never empty. */
async function* erasures(installation: UnitOfWork, sinceDays: number): AsyncGenerator<PlatformEventRow[]> {
  let after: PlatformEventRow | undefined;
  do {
    const since =
      after === undefined
        ? sql`${platformEvents.createdAt} > now() - make_interval(days => ${sinceDays})`
        : sql`(${platformEvents.createdAt}, ${platformEvents.id}) > (${after.createdAt}, ${after.id})`;
    const page = await installation.run(() =>
      database
        .select()
        .from(platformEvents)
        .where(and(inArray(platformEvents.action, ['organization.erased', 'user.erased']), since))
        .orderBy(asc(platformEvents.createdAt), asc(platformEvents.id))
        .limit(pageSize),
    );
    await installation.rest();
    if (page.length > 0) yield page;
    after = page.length < pageSize ? undefined : page.at(-1);
  } while (after !== undefined);
}

const heardOf = async (installation: UnitOfWork, told: readonly PlatformEventRow[]): Promise<Set<string>> => {
  const ids = told.map(({ id }) => id);
  const bank = knowledgeOf(installation);
  const rows = await bank.run(() =>
    database.select({ id: heardEvents.id }).from(heardEvents).where(inArray(heardEvents.id, ids)),
  );
  await bank.rest();
  return new Set(rows.map(({ id }) => id));
};

const act = async (services: Services, installation: UnitOfWork, event: PlatformEventRow): Promise<void> => {
  const { id, action, targetId, data } = event;
  const bankOf = (organizationId: string) =>
    knowledgeOf(new UnitOfWork(wholeOf(organizationId), { ...services, origin }));
  if (action === 'organization.erased') await bankOf(targetId).transact(() => forgetOrganization(targetId));
  // The cast is safe: account deletion writes this; events of earlier versions hold no organizations.
  else
    for (const organizationId of (data.organizations ?? []) as string[])
      await bankOf(organizationId).transact(() => forgetUser(organizationId, targetId));
  await knowledgeOf(installation).transact(() => database.insert(heardEvents).values({ id }).onConflictDoNothing());
};

/** All that an organization has in the bank; versions, passages and labels go along. */
const forgetOrganization = async (organizationId: string): Promise<void> => {
  for (const table of [knowledgeEntries, promptTemplates, trainingExamples, banks, outbox])
    await database.delete(table).where(eq(table.organizationId, organizationId));
};

/** What somebody has written stays, and names nobody. */
const forgetUser = async (organizationId: string, userId: string): Promise<void> => {
  const columns = [
    [knowledgeEntries, 'createdById'],
    [knowledgeEntries, 'editedById'],
    [knowledgeVersions, 'editorId'],
    [promptTemplates, 'createdById'],
    [promptTemplates, 'editedById'],
    [promptTemplateVersions, 'editorId'],
    [promptTemplateLabels, 'movedById'],
    [trainingExamples, 'createdById'],
    [trainingExamples, 'validatedById'],
  ] as const;
  for (const [table, name] of columns) {
    // The cast is safe: the list names columns of its tables.
    const column = (table as typeof knowledgeEntries)[name as 'createdById'];
    await database
      .update(table)
      .set({ [name]: null })
      .where(and(eq(table.organizationId, organizationId), eq(column, userId)));
  }
};
