import { resolve } from 'node:path';
import type { Settings } from '../settings.ts';
import type { BucketSettings, DiskSettings } from './store.ts';

/** Where the settings want the files to be. */
export const storeSettings = (settings: Settings): DiskSettings | BucketSettings => {
  const { storage } = settings;
  if (storage.driver === 'disk') return { driver: 'fs', root: resolve(settings.dataDirectory, 'files') };
  const { driver, endpoint, ...bucket } = storage;
  return { driver, ...bucket, ...(endpoint === undefined ? {} : { endpoint }), forcePathStyle: endpoint !== undefined };
};
