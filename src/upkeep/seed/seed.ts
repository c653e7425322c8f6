import { drizzle } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { knowledgeMigrations, mainMigrations, type Migrations } from '../../database/migrations.ts';
import { hashPassword } from '../../secrets/passwords.ts';
import { Refused, type Terminal } from '../command.ts';
import { migrationStateOf } from '../migration-state.ts';
import type { Place } from '../places.ts';
import { refuseFilteredRows } from '../rights.ts';
import { emailOf, fillCompany, organizationId } from './company.ts';
import { putter, type Fill, type Put } from './fill.ts';
import { fillBank, fillDocuments } from './knowledge.ts';
import { fillProjects } from './projects.ts';
import type { Size } from './sizes.ts';
import { fillConversations, fillMail, fillRooms } from './talk.ts';
import { fillAnalytics, fillModelHub, fillOrders } from './work.ts';

/** Who may look at the sample, all with the same password. */
export const samplePassword = 'ChangeMe123!';
export const sampleOwner = emailOf(0);

const steps: readonly (readonly [what: string, fill: (fill: Fill) => Promise<void>])[] = [
  ['people, groups and workspaces', async (fill) => fillCompany(fill, await hashPassword(samplePassword))],
  ['documents', fillDocuments],
  ['conversations', fillConversations],
  ['rooms', fillRooms],
  ['mail', fillMail],
  ['orders', fillOrders],
  ['projects', fillProjects],
  ['the model hub', fillModelHub],
  ['the knowledge bank', fillBank],
  ['analytics', fillAnalytics],
];

/**
 * Adds the sample organization, in one transaction for each database, and gives the number of rows put in; triggers add more.
 * Throws Refused when it is there, or migrations are pending.
 */
export const seed = async (places: readonly Place[], size: Size, terminal: Terminal): Promise<number> => {
  const [main, bank] = [placeOf(places, mainMigrations), placeOf(places, knowledgeMigrations)];
  for (const place of places) await refuseUnready(place);
  const [known] = await main.sql`select from organizations where id = ${organizationId}`;
  if (known !== undefined) throw new Refused('The sample is there already. See: npm run db:reset -- --help');
  let count = 0;
  const putIn = (transaction: Parameters<typeof putter>[0]) => putter(transaction, terminal, (rows) => (count += rows));
  const fillAll = async (put: Put, putInBank: Put) => {
    for (const [at, [what, fill]] of steps.entries()) {
      terminal.progress(`${at + 1} of ${steps.length}: ${what}`);
      await fill({ size, put, putInBank });
    }
  };
  await on(main.sql).transaction(async (own) => {
    if (main === bank) return fillAll(putIn(own), putIn(own));
    return on(bank.sql).transaction((other) => fillAll(putIn(own), putIn(other)));
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
