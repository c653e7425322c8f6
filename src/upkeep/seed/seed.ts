import type { SQL } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { knowledgeMigrations, mainMigrations, type Migrations } from '../../database/migrations.ts';
import type { KeyRing } from '../../secrets/encryption.ts';
import { hashPassword } from '../../secrets/passwords.ts';
import { Refused, type Terminal } from '../command.ts';
import { migrationStateOf } from '../migration-state.ts';
import type { Place } from '../places.ts';
import { refuseFilteredRows } from '../rights.ts';
import { emailOf, fillCompany, organizationId } from './company.ts';
import { putter, type Fill, type Put } from './fill.ts';
import { fillBank, fillDocuments } from './knowledge.ts';
import { fillLog } from './log.ts';
import { fillOffice } from './office.ts';
import { fillPlatform, fillSettings } from './platform.ts';
import { fillProjects } from './projects.ts';
import { fillPrompting } from './prompting.ts';
import type { Size } from './sizes.ts';
import { fillConversations, fillMail, fillRooms } from './talk.ts';
import { fillAnalytics, fillModelHub, fillOrders } from './work.ts';

/** Who may look at the sample, all with the same password. */
export const samplePassword = 'ChangeMe123!';
export const sampleOwner = emailOf(0);

const steps: readonly (readonly [what: string, fill: (fill: Fill) => Promise<void>])[] = [
  ['people, groups and workspaces', async (fill) => fillCompany(fill, await hashPassword(samplePassword))],
  ['settings', fillSettings],
  ['documents', fillDocuments],
  ['office documents', fillOffice],
  ['conversations', fillConversations],
  ['prompts and agents', fillPrompting],
  ['rooms', fillRooms],
  ['mail', fillMail],
  ['orders', fillOrders],
  ['projects', fillProjects],
  ['the model hub', fillModelHub],
  ['the knowledge bank', fillBank],
  ['analytics', fillAnalytics],
  ['webhooks, schedules and cached values', fillPlatform],
  // Last, for nobody else can write to the log meanwhile.
  ['the log of events', fillLog],
];

/**
 * Adds the sample organization, in one transaction for each database, and gives the number of rows put in; triggers add more.
 * Throws Refused when it is there, or migrations are pending.
 */
export const seed = async (
  places: readonly Place[],
  size: Size,
  keyRing: KeyRing,
  terminal: Terminal,
): Promise<number> => {
  const [main, bank] = [placeOf(places, mainMigrations), placeOf(places, knowledgeMigrations)];
  for (const place of places) await refuseUnready(place);
  const [known] = await main.sql`select from organizations where id = ${organizationId}`;
  if (known !== undefined) throw new Refused('The sample is there already. See: npm run db:reset -- --help');
  let count = 0;
  const putIn = (transaction: Parameters<typeof putter>[0]) => putter(transaction, terminal, (rows) => (count += rows));
  const fillAll = async (own: Pick<PostgresJsDatabase, 'insert' | 'execute'>, putInBank: Put) => {
    const run = async (statement: SQL) => void (await own.execute(statement));
    const fill: Fill = { size, put: putIn(own), putInBank, run, encrypt: (text) => keyRing.encrypt(text) };
    for (const [at, [what, step]] of steps.entries()) {
      terminal.progress(`${at + 1} of ${steps.length}: ${what}`);
      await step(fill);
    }
  };
  await on(main.sql).transaction(async (own) => {
    if (main === bank) return fillAll(own, putIn(own));
    return on(bank.sql).transaction((other) => fillAll(own, putIn(other)));
  });
  for (const { sql } of places) await sql`analyze`;
  return count;
};

const on = (sql: postgres.Sql) => drizzle(sql, { casing: 'snake_case' });

const placeOf = (places: readonly Place[], part: Migrations): Place => {
  const place = places.find(({ parts }) => parts.includes(part));
  if (place === undefined) throw new Error(`Nothing holds the schema ${part.schema}.`);
  return place;
};

const refuseUnready = async ({ sql, parts }: Place): Promise<void> => {
  for (const part of parts)
    if ((await migrationStateOf(sql, part)).pending.length > 0)
      throw new Refused('Migrations are pending. Run: npm run db:migrate');
  await refuseFilteredRows(sql);
};
