/** Fails when the tables in the code and the migrations disagree, the migrations are not in order, or one has no way back. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { allMigrations, downPath, reversibleMigrations } from '../src/database/migrations.ts';

const kit = (command: string, config: string): string =>
  execFileSync(process.execPath, ['node_modules/drizzle-kit/bin.cjs', command, '--config', config], {
    encoding: 'utf8',
  });

/** The migrations of a folder against the tables that the configuration names. */
const check = (name: string, folder: string): void => {
  // Below the working directory: the tool takes no other paths.
  const scratch = mkdtempSync('drizzle-check-');
  const config = `${scratch}.config.ts`;
  try {
    cpSync(folder, scratch, { recursive: true });
    writeFileSync(config, `import config from './${name}';\nexport default { ...config, out: './${scratch}' };\n`);
    kit('check', config);
    const before = readdirSync(scratch).length;
    kit('generate', config);
    if (readdirSync(scratch).length > before)
      throw new Error(
        `The tables have changed since the last migration. Run: npm run db:generate -- --config ${name} --name <what_it_does>`,
      );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(config, { force: true });
  }
};

const lackWayBack = allMigrations.flatMap((migrations) =>
  reversibleMigrations(migrations)
    .map((migration) => downPath(migrations, migration))
    .filter((path) => !existsSync(path)),
);
if (lackWayBack.length > 0)
  throw new Error(`Write what undoes the migration, for db:rollback: ${lackWayBack.join(', ')}`);
check('drizzle.config.ts', 'drizzle');
check('drizzle.knowledge.config.ts', 'drizzle/knowledge');
process.stdout.write('The migrations match the tables.\n');
