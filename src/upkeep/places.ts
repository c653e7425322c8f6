import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type postgres from 'postgres';
import { startEmbedded } from '../database/embedded.ts';
import { allMigrations, knowledgeMigrations, mainMigrations, type Migrations } from '../database/migrations.ts';
import { openOwner } from '../database/owner.ts';
import type { Settings } from '../settings.ts';
import { Refused, WrongUsage } from './command.ts';

/** A database, open as the owner of its tables. */
export interface Place {
  readonly what: string;
  readonly sql: postgres.Sql;
  /** What stands in it. */
  readonly parts: readonly Migrations[];
  readonly embedded: boolean;
  /** Who the server logs in as; null where it is the same. */
  readonly serverLogin: string | null;
}

/** Opens the one or two databases of the settings as their owners, for as long as `work` takes. Nothing is migrated. */
export const withPlaces = async <Result>(
  settings: Settings,
  work: (places: readonly Place[]) => Promise<Result>,
  { mayMake = false } = {},
): Promise<Result> =>
  settings.database.url === undefined ? inEmbedded(settings, work, mayMake) : onServers(settings, work);

const inEmbedded = async <Result>(
  { dataDirectory }: Settings,
  work: (places: readonly Place[]) => Promise<Result>,
  mayMake: boolean,
): Promise<Result> => {
  if (!mayMake) requireEmbedded(dataDirectory);
  const embedded = await startEmbedded(dataDirectory, 'postgres', { migrates: false });
  const url = 'postgres://postgres@localhost/postgres';
  const sql = openOwner({ url, socketPath: embedded.socketPath });
  const what = `The embedded database in ${resolve(dataDirectory)}`;
  try {
    return await work([{ what, sql, parts: allMigrations, embedded: true, serverLogin: null }]);
  } finally {
    await sql.end({ timeout: 1 });
    await embedded.stop();
  }
};

/** Throws Refused when the directory has no embedded database. */
export const requireEmbedded = (dataDirectory: string): void => {
  if (!existsSync(join(dataDirectory, 'postgres')))
    throw new Refused(`There is no database in ${resolve(dataDirectory)} yet; the first start makes it.`);
};

const onServers = async <Result>(
  settings: Settings,
  work: (places: readonly Place[]) => Promise<Result>,
): Promise<Result> => {
  const places = addressesOf(settings).map(({ what, parts, url, serverUrl }): Place => {
    const { username } = new URL(serverUrl);
    const serverLogin = username === '' ? null : decodeURIComponent(username);
    return { what, parts, sql: openOwner({ url, tls: settings.database.tls }), embedded: false, serverLogin };
  });
  try {
    return await work(places);
  } finally {
    await Promise.all(places.map(({ sql }) => sql.end({ timeout: 1 })));
  }
};

interface Address {
  readonly what: string;
  readonly url: string;
  readonly serverUrl: string;
  readonly parts: readonly Migrations[];
}

/** Where the databases are. Throws WrongUsage when an owner's URL is missing. */
const addressesOf = ({ database }: Settings): readonly Address[] => {
  const { url: serverUrl = '', ownerUrl, knowledgeUrl, knowledgeOwnerUrl } = database;
  if (ownerUrl === undefined) throw new WrongUsage('Set DATABASE_OWNER_URL to the owner of the database.');
  if (knowledgeUrl !== undefined && knowledgeOwnerUrl === undefined)
    throw new WrongUsage('Set KNOWLEDGE_DATABASE_OWNER_URL to the owner of the database of the knowledge bank.');
  const { what } = mainMigrations;
  if (knowledgeUrl === undefined || knowledgeOwnerUrl === undefined || knowledgeOwnerUrl === ownerUrl)
    return [{ what, url: ownerUrl, serverUrl, parts: allMigrations }];
  const knowledge = { url: knowledgeOwnerUrl, serverUrl: knowledgeUrl, parts: [knowledgeMigrations] };
  return [
    { what, url: ownerUrl, serverUrl, parts: [mainMigrations] },
    { what: knowledgeMigrations.what, ...knowledge },
  ];
};
