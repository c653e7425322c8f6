import type { Schedules } from '../services.ts';
import { purgeOfficeDocuments } from './office-retention.ts';

/** Work of this domain that comes again and again. */
export const schedules: Schedules = {
  'content.purge-office-documents': { cron: '7 3 * * *', expireSeconds: 3600, run: purgeOfficeDocuments },
};
