import postgres from 'postgres';
import { migrateDatabase } from '../src/database/migrate.ts';

/** A fresh database with all migrations. */
export interface TesseraDatabase {
  /** As the server's login, which is a member of `tessera_server` and nothing else. */
  readonly url: string;
  /** As the superuser, who owns the tables. */
  readonly ownerUrl: string;
  /** Removes the database, with whoever is connected to it. */
  readonly drop: () => Promise<void>;
}

const serverLogin = 'tessera_login';

/** Creates a database on the server that the superuser's URL names. Only for names that mean themselves in SQL and in a URL. */
export const createTesseraDatabase = async (superuserUrl: string, name: string): Promise<TesseraDatabase> => {
  const admin = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`create database ${name}`);
  const ownerUrl = Object.assign(new URL(superuserUrl), { pathname: `/${name}` }).href;
  await migrateDatabase(ownerUrl);
  await admin.unsafe(`do $$ begin
    create role ${serverLogin} login password 'test' in role tessera_server;
  exception when duplicate_object or unique_violation then null; end $$`);
  const url = Object.assign(new URL(ownerUrl), { username: serverLogin, password: 'test' }).href;
  // The connection is not kept: the server may be killed and started again meanwhile.
  await admin.end();
  const drop = async () => {
    const last = postgres(superuserUrl, { max: 1, onnotice: () => undefined });
    await last.unsafe(`drop database ${name} with (force)`);
    await last.end();
  };
  return { url, ownerUrl, drop };
};
