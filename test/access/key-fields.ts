import { randomUUID } from 'node:crypto';
import { database } from '../../src/database/client.ts';
import { platformProviderKeys, providers } from '../../src/domains/modelhub/tables.ts';
import { globalId, newId } from '../../src/ids.ts';
import { unitOf, uuidOf } from '../talk.ts';
import { byAdmins, byPlatform, type Fixture, type Fixtures } from './fixture.ts';
import type { Person, Testbed } from '../testbed.ts';

type Ids = Readonly<Record<string, string>>;

/** A provider of this machine that nobody answers for. */
const freshProvider = async (bed: Testbed): Promise<string> => {
  const id = newId();
  const slug = `fresh-${id}`;
  const row = { id, name: slug, slug, dialect: 'OPENAI_COMPATIBLE' as const, baseUrl: 'http://127.0.0.1:9/v1' };
  await unitOf(bed, null).transact(() => database.insert(providers).values(row));
  return globalId('Provider', id);
};

const freshKey = async (owner: Person, _ids: Ids, bed: Testbed) => {
  const { createProviderKey }: { createProviderKey: { providerKey: { id: string } } } = await owner.want(
    'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
    { input: { providerId: await freshProvider(bed), label: 'Fresh', key: 'sk-12345678' } },
  );
  return { FreshKey: createProviderKey.providerKey.id };
};

/** A key of the installation's own. */
const freshPlatformKey = async (_owner: Person, _ids: Ids, bed: Testbed) => {
  const id = newId();
  const encryptedKey = await bed.server.installation.services.keyRing.encrypt('sk-12345678');
  const providerId = uuidOf(await freshProvider(bed));
  const row = { id, providerId, label: 'Fresh', encryptedKey, lastFour: '5678' };
  await unitOf(bed, null).transact(() => database.insert(platformProviderKeys).values(row));
  return { FreshKey: globalId('PlatformProviderKey', id) };
};

const onKey = (field: string, selection: string, shows: RegExp): Fixture => ({
  gets: byAdmins,
  field: `${field} { ${selection} }`,
  shows,
  target: freshKey,
});
const onPlatformKey = (field: string, selection: string, shows: RegExp): Fixture => ({
  gets: byPlatform,
  field: `${field} { ${selection} }`,
  shows,
  target: freshPlatformKey,
});

/** Keys for providers, of organizations and of the installation, and those that encrypt them. */
export const fixtures: Fixtures = {
  queries: {
    platformProviderKeys: {
      gets: byPlatform,
      field: 'platformProviderKeys(first: 100) { totalCount }',
      shows: /"totalCount":\d/,
    },
    encryptionKeys: { gets: byPlatform, field: 'encryptionKeys { name status }', shows: /CURRENT/ },
  },
  mutations: {
    updateProviderKey: onKey(
      'updateProviderKey(input: { id: $FreshKey, dailyQuota: "5" })',
      'providerKey { label }',
      /Fresh/,
    ),
    testProviderKey: onKey('testProviderKey(input: { id: $FreshKey })', 'ok failure { code }', /UNAVAILABLE/),
    createPlatformProviderKey: {
      gets: byPlatform,
      field:
        'createPlatformProviderKey(input: { providerId: $FreshProvider, label: $Label, key: "sk-12345678" }) { platformProviderKey { label } }',
      shows: /label-/,
      target: async (_owner, _ids, bed) => ({
        FreshProvider: await freshProvider(bed),
        Label: `label-${randomUUID()}`,
      }),
    },
    updatePlatformProviderKey: onPlatformKey(
      'updatePlatformProviderKey(input: { id: $FreshKey, dailyQuota: "5" })',
      'platformProviderKey { label }',
      /Fresh/,
    ),
    testPlatformProviderKey: onPlatformKey(
      'testPlatformProviderKey(input: { id: $FreshKey })',
      'ok failure { code }',
      /UNAVAILABLE/,
    ),
    deletePlatformProviderKey: onPlatformKey(
      'deletePlatformProviderKey(input: { id: $FreshKey })',
      'deletedId',
      /platform_provider_key_/,
    ),
  },
};
