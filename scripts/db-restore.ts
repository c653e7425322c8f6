import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, WrongUsage } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { restore } from '../src/upkeep/restore.ts';
import { readSettings } from '../src/settings.ts';
import { storeSettings } from '../src/storage/settings.ts';
import { openStore } from '../src/storage/store.ts';

await runCommand({
  name: 'db:restore',
  what: `Fills empty databases, and the store of files, from a backup; from an embedded database's also a server's, and the other way.
All or nothing: should it fail, the databases are as before. A backup of an older version is migrated. Stop the servers before.
Secrets in it can be read with the encryption keys of then alone. The owner's role must bypass row security.`,
  options: {
    from: { type: 'string', value: 'FILE', what: 'The file that db:backup made.', required: true },
    force: { type: 'boolean', what: 'Replaces everything in the databases; without it, one with rows is refused.' },
  },
  run: async ({ from, force }, terminal) => {
    const path = String(from);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new WrongUsage(`There is no file ${path}.`);
    const settings = readSettings();
    const began = performance.now();
    const store = await openStore(storeSettings(settings));
    const work = async (places: Parameters<Parameters<typeof withPlaces>[1]>[0]) => {
      const { tables, files } = await restore(places, { path, force: force === true, store }, terminal);
      // So that the next start does not make the first account and the demo.
      if (places.some(({ embedded }) => embedded)) await writeFile(join(settings.dataDirectory, 'bootstrapped'), '');
      const rows = Object.values(tables).reduce((sum, table) => sum + table.rows, 0);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      terminal.say(`${rows} rows of ${Object.keys(tables).length} tables and ${files.count} files in ${seconds} s.`);
      return true;
    };
    return withPlaces(settings, work, { mayMake: true });
  },
});
