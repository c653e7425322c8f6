import { join } from 'node:path';
import { Refused, runCommand } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { resetDirectory, resetPlaces } from '../src/upkeep/reset.ts';
import { readSettings } from '../src/settings.ts';
import { storeSettings } from '../src/storage/settings.ts';

await runCommand({
  name: 'db:reset',
  what: `Removes every row and file, and makes the tables anew; for development. In production it refuses, whatever is said.
On the embedded database the next start makes the first account and the demo again. Files in a bucket stay.`,
  options: { yes: { type: 'boolean', what: 'Says that everything may go. Without it, nothing is done.' } },
  run: ({ yes }, terminal) => {
    const settings = readSettings();
    if (settings.mode === 'production') throw new Refused('This is production, where nothing is reset.');
    if (yes !== true) throw new Refused('Everything would be lost. Say so: npm run db:reset -- --yes');
    return withPlaces(settings, async (places) => {
      await resetPlaces(places, terminal);
      const store = storeSettings(settings);
      await resetDirectory(store.driver === 'fs' ? store.root : null, join(settings.dataDirectory, 'bootstrapped'));
      terminal.say('The databases are empty.');
      return true;
    });
  },
});
