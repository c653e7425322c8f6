import { defineConfig } from 'drizzle-kit';

/** The knowledge bank, whose tables may stand in a database of their own. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/domains/knowledge/tables.ts',
  out: './drizzle/knowledge',
  schemaFilter: ['knowledge'],
  migrations: { table: '__knowledge_migrations' },
  casing: 'snake_case',
  dbCredentials: { url: process.env.KNOWLEDGE_DATABASE_OWNER_URL ?? process.env.DATABASE_OWNER_URL ?? '' },
});
