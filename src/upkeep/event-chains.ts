import type postgres from 'postgres';
import { routed } from '../database/client.ts';
import { verified, type EventLogFault, type EventLogFaultKind } from '../domains/platform/event-verification.ts';
import type { Terminal } from './command.ts';

interface Organization {
  readonly id: string;
  readonly slug: string;
}

const pageSize = 100;

/**
 * Compares the log of each organization with its seals, and names the first fault of each. A log is read in one snapshot of its own, so that
 * one that is sealed or trimmed meanwhile is no fault.
 */
export const brokenChains = async (sql: postgres.Sql, { progress }: Terminal): Promise<readonly string[]> => {
  const faults: string[] = [];
  let [logs, seals, entries] = [0, 0, 0];
  for await (const organization of organizationsOf(sql)) {
    const fault = await sql.begin('isolation level repeatable read read only', (snapshot) =>
      faultIn(snapshot, organization, (sealed) => {
        seals += 1;
        entries += sealed;
        progress(`  ${logs} organizations, ${seals} seals, ${entries} entries`, 'often');
      }),
    );
    logs += 1;
    if (fault !== null) faults.push(`${organization.slug} (${organization.id}): ${sentenceOf(fault)}`);
  }
  progress(`  ${logs} organizations, ${seals} seals, ${entries} entries`);
  return faults;
};

/** By pages, in the order of their ids; nothing is held while one is looked at. */
async function* organizationsOf(sql: postgres.Sql): AsyncGenerator<Organization> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await sql<Organization[]>`
      select id, slug from organizations where id > ${after} order by id limit ${pageSize}`;
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.id;
  }
}

/** `sealed` hears of each seal that is as it was made, by the number of its entries. */
const faultIn = async (
  sql: postgres.TransactionSql,
  { id: organizationId }: Organization,
  sealed: (entries: number) => void,
): Promise<EventLogFault | null> => {
  let before = 0;
  const log = {
    organizationId,
    // Awaited inside: a Drizzle builder sends its statement only when it is awaited.
    run: <Result>(work: () => Promise<Result>) =>
      routed({ session: sql, onStatement: undefined }, async () => await work()),
    rest: async () => undefined,
  };
  const { fault } = await verified(log, null, async ({ entries }) => {
    sealed(entries - before);
    before = entries;
  });
  return fault;
};

const said: Readonly<Record<EventLogFaultKind, string>> = {
  SEAL_CHANGED: 'was changed',
  SEAL_MISSING: 'is missing',
  ENTRY_CHANGED: 'was changed after it was sealed',
  ENTRY_REMOVED: 'was removed after it was sealed',
  ENTRY_INSERTED: 'came between those that were sealed',
};

const sentenceOf = ({ kind, sequence, entryId }: EventLogFault): string =>
  entryId === null ? `seal ${sequence} ${said[kind]}` : `entry ${entryId} ${said[kind]} (seal ${sequence})`;
