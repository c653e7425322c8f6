import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./src/domains/!(knowledge)/*tables.ts', './src/events/tables.ts', './src/queue/tables.ts'],
  out: './drizzle',
  casing: 'snake_case',
  dbCredentials: { url: process.env.DATABASE_OWNER_URL ?? '' },
});
