import { runCommand, WrongUsage } from '../src/upkeep/command.ts';
import { runStudio } from '../src/upkeep/studio.ts';
import { readSettings } from '../src/settings.ts';

await runCommand({
  name: 'db:studio',
  what: `Shows the tables of the database in the browser (Drizzle Studio), as their owner, until Ctrl-C. On the embedded database
no server may run meanwhile. An owner who is bound by row security sees no rows of organizations.`,
  options: {
    knowledge: { type: 'boolean', what: 'Shows the tables of the knowledge bank.' },
    port: { type: 'string', value: 'PORT', what: 'Where it listens on this machine; 4983 when absent.' },
  },
  run: ({ knowledge, port = '4983' }) => {
    if (!/^\d{1,5}$/.test(String(port)) || Number(port) < 1 || Number(port) > 65_535)
      throw new WrongUsage('--port must be a number from 1 to 65535.');
    const config = knowledge === true ? 'drizzle.knowledge.config.ts' : 'drizzle.config.ts';
    return runStudio(readSettings(), { config, port: String(port) });
  },
});
