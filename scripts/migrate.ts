import { migrateDatabase } from '../src/database/migrate.ts';
import { readSettings } from '../src/settings.ts';

const { ownerUrl, knowledgeUrl, knowledgeOwnerUrl } = readSettings().database;
if (ownerUrl === undefined) {
  process.stderr.write(
    'Set DATABASE_OWNER_URL to the owner of the database. The embedded database migrates itself at its start.\n',
  );
  process.exit(2);
}
if (knowledgeUrl !== undefined && knowledgeOwnerUrl === undefined) {
  process.stderr.write('Set KNOWLEDGE_DATABASE_OWNER_URL to the owner of the database of the knowledge bank.\n');
  process.exit(2);
}
try {
  await migrateDatabase(ownerUrl, knowledgeOwnerUrl);
  process.stdout.write('The database is up to date.\n');
} catch (error) {
  const cause = Error.isError(error) && Error.isError(error.cause) ? error.cause : error;
  process.stderr.write(
    `The migration failed and nothing was changed: ${Error.isError(cause) ? cause.message : 'unknown fault'}\n`,
  );
  process.exit(1);
}
