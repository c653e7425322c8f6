import { backUp } from '../src/upkeep/backup.ts';
import { runCommand } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { readSettings } from '../src/settings.ts';
import { storeSettings } from '../src/storage/settings.ts';

await runCommand({
  name: 'db:backup',
  what: `Writes all rows of the databases, and the files of the data directory, to one compressed file that only its owner may read.
Servers may go on working: each database is read in one snapshot. It holds personal data, and no encryption key: keep
ENCRYPTION_KEYS, or the file encryption-key of the data directory, apart from it. Files in a bucket are not copied.
The owner's role must bypass row security.`,
  options: { to: { type: 'string', value: 'FILE', what: 'The file to make. It must not exist.', required: true } },
  run: ({ to }, terminal) => {
    const settings = readSettings();
    const store = storeSettings(settings);
    const began = performance.now();
    return withPlaces(settings, async (places) => {
      const made = await backUp(places, store.driver === 'fs' ? store.root : null, String(to), terminal);
      const rows = Object.values(made.tables).reduce((sum, table) => sum + table.rows, 0);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      terminal.say(
        `${String(to)}: ${rows} rows of ${Object.keys(made.tables).length} tables and ${made.files.count} files, ${made.bytes} bytes, in ${seconds} s.`,
      );
      if (store.driver === 's3') terminal.say(`The files in the bucket ${store.bucket} are not in it.`);
      return true;
    });
  },
});
