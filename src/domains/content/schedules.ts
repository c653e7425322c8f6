import type { Schedules } from '../services.ts';
import { purgeOfficeDocuments } from './office-retention.ts';
import { collectOrphans } from './orphans.ts';
import { purgeSearchLogs } from './search-log.ts';
import { beginDueSyncs } from './sync-due.ts';
import { trainIvfflat } from './vectors.ts';

/** Work of this domain that comes again and again: syncs as they are due, the rest each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'content.begin-due-syncs': {
    cron: '* * * * *',
    expireSeconds: 600,
    run: async (work, signal) => void (await beginDueSyncs(work, signal)),
  },
  'content.collect-orphans': {
    cron: '7 3 * * *',
    expireSeconds: 3600,
    run: async (work, signal) => {
      work.services.log.info(await collectOrphans(work, signal), 'Orphans of files were collected.');
    },
  },
  'content.purge-office-documents': { cron: '37 3 * * *', expireSeconds: 3600, run: purgeOfficeDocuments },
  'content.purge-search-logs': { cron: '22 3 * * *', expireSeconds: 3600, run: purgeSearchLogs },
  'content.train-ivfflat': {
    cron: '52 3 * * *',
    expireSeconds: 4 * 3600,
    run: async ({ unit }) => void (await trainIvfflat(unit)),
  },
};
