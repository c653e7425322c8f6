import { runCommand } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { tellStatus } from '../src/upkeep/status.ts';
import { readSettings } from '../src/settings.ts';

await runCommand({
  name: 'db:status',
  what: `Tells which server, extensions and roles the databases have, and which migrations are applied and pending.
Fails when a migration is pending, was changed after it was applied, or is not of this version.`,
  run: (_given, terminal) =>
    withPlaces(readSettings(), async (places) => {
      let current = true;
      for (const place of places) current = (await tellStatus(place, terminal)) && current;
      return current;
    }),
});
