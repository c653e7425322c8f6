import postgres from 'postgres';
import { migrateDatabase } from '../src/database/migrate.ts';

/** A fresh database with all migrations, and another one for the knowledge bank where that is to stand apart. */
export interface TesseraDatabase {
  /** As the server's login, which is a member of `tessera_server` and nothing else. */
  readonly url: string;
  /** As the superuser, who owns the tables. */
  readonly ownerUrl: string;
  /** The same of the knowledge bank's own database. */
  readonly knowledge: { readonly url: string; readonly ownerUrl: string; readonly name: string } | undefined;
  /** Removes the database, with whoever is connected to it. */
  readonly drop: () => Promise<void>;
}

const serverLogin = 'tessera_login';

/** Creates a database on the server that the superuser's URL names. Only for names that mean themselves in SQL and in a URL. */
export const createTesseraDatabase = async (
  superuserUrl: string,
  name: string,
  { knowledgeApart = false } = {},
): Promise<TesseraDatabase> => {
  const admin = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
  const names = knowledgeApart ? [name, `${name}_knowledge`] : [name];
  for (const each of names) await admin.unsafe(`create database ${each}`);
  const [ownerUrl = '', knowledgeUrl] = names.map(
    (each) => Object.assign(new URL(superuserUrl), { pathname: `/${each}` }).href,
  );
  await migrateDatabase(ownerUrl, knowledgeUrl);
  await admin.unsafe(`do $$ begin
    create role ${serverLogin} login password 'test' in role tessera_server;
  exception when duplicate_object or unique_violation then null; end $$`);
  const asServer = (owned: string) => Object.assign(new URL(owned), { username: serverLogin, password: 'test' }).href;
  // The connection is not kept: the server may be killed and started again meanwhile.
  await admin.end();
  const drop = async () => {
    const last = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
    for (const each of names) await last.unsafe(`drop database ${each} with (force)`);
    await last.end();
  };
  const knowledge =
    knowledgeUrl === undefined
      ? undefined
      : { url: asServer(knowledgeUrl), ownerUrl: knowledgeUrl, name: `${name}_knowledge` };
  return { url: asServer(ownerUrl), ownerUrl, knowledge, drop };
};
