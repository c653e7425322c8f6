import { closeParsers } from './domains/content/parsing/parse.ts';
import { startConversations } from './domains/conversations/abandoned.ts';
import { metricSources, openInstallation, UnfitDatabase } from './installation.ts';
import { fail, openLog, say, stopOnSignals, type Stoppable } from './lifetime.ts';
import { readSettings, type Settings } from './settings.ts';
import { startMetrics } from './telemetry/metrics-server.ts';

/** Works on jobs and ends abandoned answers, without HTTP and whatever WORKERS says of servers. */
const start = async (settings: Settings): Promise<Stoppable> => {
  if (settings.database.url === undefined)
    throw new UnfitDatabase(
      'The embedded database serves one process only, the server, which works on its jobs itself. Set DATABASE_URL to run workers of their own.',
    );
  const installation = await openInstallation(settings, openLog(settings));
  const conversations = startConversations(installation.services);
  const metrics = settings.metrics && (await startMetrics(settings.metrics, metricSources(installation)));
  await installation.work();
  say('Tessera works on jobs.');
  return {
    stop: async () => {
      await conversations.stop(0);
      await metrics?.stop();
      await installation.close(settings.shutdownGraceMs);
      await closeParsers();
    },
  };
};

try {
  stopOnSignals(await start(readSettings()));
} catch (error) {
  fail(error);
}
