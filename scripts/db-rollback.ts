import { allMigrations } from '../src/database/migrations.ts';
import { Refused, runCommand, WrongUsage } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { rollBack } from '../src/upkeep/rollback.ts';
import { readSettings } from '../src/settings.ts';

const schemas = allMigrations.map(({ schema }) => schema);

await runCommand({
  name: 'db:rollback',
  what: `Undoes the newest migration, in one transaction: the last step alone, of whichever part it is. What only the newer tables could
hold is lost, so make a backup before, and stop the servers: this version does not start on the older tables.
The owner's role must bypass row security.`,
  options: {
    schema: {
      type: 'string',
      value: schemas.join('|'),
      what: 'The part whose newest migration is undone, rather than the newest of all.',
    },
    yes: { type: 'boolean', what: 'Does it in production too.' },
  },
  run: ({ schema, yes }, terminal) => {
    if (schema !== undefined && !schemas.includes(String(schema)))
      throw new WrongUsage(`--schema must be one of ${schemas.join(', ')}.`);
    const settings = readSettings();
    if (settings.mode === 'production' && yes !== true)
      throw new Refused('This is production. Make a backup, and say --yes.');
    return withPlaces(settings, async (places) => {
      terminal.say(`${await rollBack(places, schema === undefined ? undefined : String(schema))} is undone.`);
      return true;
    });
  },
});
