import type { Person } from '../testbed.ts';
import { secret } from './cast.ts';
import { filledCache } from './filled-cache.ts';
import { byEditors, inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;
const owner = 'owner: { type: WORKSPACE, workspaceId: $Workspace }';

const refilled = async (person: Person, { Workspace }: Ids) => filledCache(person, String(Workspace), secret);
const changed = (field: string, shows: RegExp): Fixture => ({ gets: byEditors, field, shows, target: refilled });

/** What is put aside in the filled workspace. */
export const fixtures: Fixtures = {
  queries: {
    cacheEntry: { gets: inWorkspace, field: `cacheEntry(${owner}, key: "filled") { value workspace { name } }` },
    cacheEntries: {
      gets: inWorkspace,
      field: `cacheEntries(${owner}, first: 100) { totalCount edges { node { key value } } }`,
    },
  },
  mutations: {
    putCacheEntry: {
      gets: byEditors,
      field: `putCacheEntry(input: { ${owner}, key: "put", value: "${secret}", ttlSeconds: 60 }) { entry { value } }`,
    },
    deleteCacheEntry: changed(`deleteCacheEntry(input: { ${owner}, key: "filled" }) { deletedId }`, /cache_entry_/),
    clearCache: changed(`clearCache(input: { ${owner}, keyPrefix: "filled" }) { count }`, /"count":1/),
  },
};
