import { runCommand } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { verifyPlace } from '../src/upkeep/verify.ts';
import { readSettings } from '../src/settings.ts';

await runCommand({
  name: 'db:verify',
  what: `Looks whether the databases are whole: migrations as in the repository, extensions, row security and keys of every
table, roles, no row that refers to one that is missing, and logs of events as they were sealed. Changes nothing; may run beside
servers.
Fails when something is wrong, and names it. The owner's role must bypass row security.`,
  run: (_given, terminal) =>
    withPlaces(readSettings(), async (places) => {
      let sound = true;
      for (const place of places) sound = (await verifyPlace(place, terminal)) && sound;
      return sound;
    }),
});
