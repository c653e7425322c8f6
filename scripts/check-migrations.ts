import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { allMigrations, downPath, reversibleMigrations } from '../src/database/migrations.ts';
import { Refused, runCommand } from '../src/upkeep/command.ts';

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
      throw new Refused(
        `The tables have changed since the last migration. Run: npm run db:generate -- --config ${name} --name <what_it_does>`,
      );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(config, { force: true });
  }
};

const requireWaysBack = (): void => {
  const lacking = allMigrations.flatMap((migrations) =>
    reversibleMigrations(migrations)
      .map((migration) => downPath(migrations, migration))
      .filter((path) => !existsSync(path)),
  );
  if (lacking.length > 0) throw new Refused(`Write what undoes the migration, for db:rollback: ${lacking.join(', ')}`);
};

await runCommand({
  name: 'db:check',
  what: `For developers: looks whether the migrations make the tables that the code knows, are in order, and each new one has a way back.
It asks no database.`,
  run: async (_given, terminal) => {
    requireWaysBack();
    check('drizzle.config.ts', 'drizzle');
    check('drizzle.knowledge.config.ts', 'drizzle/knowledge');
    terminal.say('The migrations match the tables.');
    return true;
  },
});
