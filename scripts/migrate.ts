import { startEmbedded } from '../src/database/embedded.ts';
import { migrateDatabase } from '../src/database/migrate.ts';
import { serverRole } from '../src/database/migrations.ts';
import { Refused, runCommand, WrongUsage } from '../src/upkeep/command.ts';
import { readSettings, type Settings } from '../src/settings.ts';

const migrate = async ({ database, dataDirectory }: Settings): Promise<void> => {
  const { url, ownerUrl, knowledgeUrl, knowledgeOwnerUrl, tls } = database;
  // It is migrated by being opened.
  if (url === undefined) return (await startEmbedded(dataDirectory, serverRole)).stop();
  if (ownerUrl === undefined) throw new WrongUsage('Set DATABASE_OWNER_URL to the owner of the database.');
  if (knowledgeUrl !== undefined && knowledgeOwnerUrl === undefined)
    throw new WrongUsage('Set KNOWLEDGE_DATABASE_OWNER_URL to the owner of the database of the knowledge bank.');
  try {
    await migrateDatabase(ownerUrl, knowledgeOwnerUrl, tls);
  } catch (error) {
    const cause = Error.isError(error) && Error.isError(error.cause) ? error.cause : error;
    const told = Error.isError(cause) ? cause.message : 'unknown fault';
    throw new Refused(`The migration failed and nothing was changed: ${told}`, { cause: error });
  }
};

await runCommand({
  name: 'db:migrate',
  what: `Applies the pending migrations of the databases, one process at a time. The embedded database is also migrated by each start.`,
  run: async (_given, terminal) => {
    await migrate(readSettings());
    terminal.say('The database is up to date.');
    return true;
  },
});
