import type { Person } from '../testbed.ts';

/** Puts an entry into the cache of the filled workspace and gives its id. */
export const filledCache = async (
  person: Person,
  workspaceId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const input = { owner: { type: 'WORKSPACE', workspaceId }, key: 'filled', value: { secret }, ttlSeconds: 86_400 };
  const { putCacheEntry }: { putCacheEntry: { entry: { id: string } } } = await person.want(
    'mutation ($input: PutCacheEntryInput!) { putCacheEntry(input: $input) { entry { id } } }',
    { input },
  );
  return { CacheEntry: putCacheEntry.entry.id };
};
