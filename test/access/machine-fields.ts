import { apiKeyOf, deviceOf, extensionKeyOf, pairingOf } from '../machines.ts';
import type { Person, Testbed } from '../testbed.ts';
import { secret } from './cast.ts';
import { byAdmins, byEditors, byEverybody, type Fixture, type Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;

const freshKey = async (owner: Person) => ({
  FreshKey: (await apiKeyOf(owner, { label: `${secret} fresh`, scopes: ['MODEL_READ'] })).id,
});
const freshExtensionKey = async (owner: Person) => ({
  FreshExtensionKey: await extensionKeyOf(owner, `${secret} fresh`),
});
const freshDevice = async (owner: Person, _ids: Ids, bed: Testbed) => ({
  FreshDevice: await deviceOf(bed, owner, `${secret} fresh`),
});
const freshPairing = async (owner: Person) => ({ Pairing: await pairingOf(owner) });
const freshLink = async (owner: Person, { Viewer }: Ids) => {
  const { createLoginLink }: { createLoginLink: { token: string } } = await owner.want(
    'mutation ($id: ID!) { createLoginLink(input: { userId: $id }) { token } }',
    { id: Viewer },
  );
  return { Link: createLoginLink.token };
};

/** Whatever token they carry. */
const byAnybody: Fixture['gets'] = { otherwise: 'data', suspended: 'data', expired: 'data' };
/** Who signed in, about what is their own. */
const byPersons: Fixture['gets'] = { ...byEverybody, key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' };
/** The owner alone, after a sign-in; nobody else finds it. */
const byItsOwner: Fixture['gets'] = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  owner: 'data',
  key: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
};
/** Its owner and administrators, by themselves or by a key with the scope; other members do not find it. */
const byKeyManagers: Fixture['gets'] = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
  admin: 'data',
  owner: 'data',
  key: 'data',
};
/** Its owner: administrators see it and cannot act as somebody else, and no key changes keys. */
const byKeyOwner: Fixture['gets'] = { ...byKeyManagers, admin: 'FORBIDDEN', key: 'FORBIDDEN' };
/** Lists of what is one's own: others have nothing there. */
const ownList: Fixture['gets'] = { ...byPersons, otherwise: 'own', owner: 'data' };

/** API keys, login links, browser-extension keys and devices. */
export const fixtures: Fixtures = {
  queries: {
    apiKeys: {
      field: 'apiKeys { totalCount edges { node { label prefix status owner { name } } } }',
      gets: { ...byKeyManagers, otherwise: 'own' },
    },
    savingPlaces: {
      field: 'savingPlaces { totalCount edges { node { id name } } }',
      gets: { ...byEditors, stranger: 'own', platformAdmin: 'own', neighbour: 'own', viewer: 'own' },
    },
  },
  connections: {
    'ApiKey.workspaces': { gets: byKeyManagers },
    'ViewerInfo.devices': { gets: ownList },
    'ViewerInfo.extensionKeys': { gets: ownList },
  },
  mutations: {
    createApiKey: {
      field: 'createApiKey(input: { label: "New", scopes: [MODEL_READ] }) { apiKey { label } secret }',
      gets: { ...byPersons, guest: 'FORBIDDEN' },
      shows: /tsr_key_/,
    },
    rotateApiKey: {
      field: 'rotateApiKey(input: { id: $FreshKey }) { apiKey { label } secret }',
      gets: byKeyOwner,
      target: freshKey,
    },
    updateApiKey: {
      field: `updateApiKey(input: { id: $FreshKey, label: "${secret} changed" }) { apiKey { label } }`,
      gets: byKeyOwner,
      target: freshKey,
    },
    revokeApiKey: {
      field: 'revokeApiKey(input: { id: $FreshKey }) { apiKey { label status } }',
      gets: byKeyManagers,
      target: freshKey,
    },
    createLoginLink: {
      field: 'createLoginLink(input: { userId: $Viewer }) { url token }',
      gets: byAdmins,
      shows: /tsr_login_/,
    },
    signInWithLink: {
      field: 'signInWithLink(input: { token: $Link }) { token organization { name } }',
      gets: byAnybody,
      target: freshLink,
    },
    createExtensionKey: {
      field: 'createExtensionKey(input: { label: "New" }) { extensionKey { label } secret }',
      gets: byPersons,
      shows: /tsr_extension_/,
    },
    revokeExtensionKey: {
      field: 'revokeExtensionKey(input: { id: $FreshExtensionKey }) { revokedId }',
      gets: byItsOwner,
      shows: /browser_extension_key_/,
      target: freshExtensionKey,
    },
    savePage: {
      field:
        'savePage(input: { workspaceId: $Workspace, title: "Page", url: "https://example.org/", text: "Saved." }) { title workspaceName }',
      gets: byEditors,
    },
    startDevicePairing: { field: 'startDevicePairing { token }', gets: byPersons, shows: /tsr_pairing_/ },
    pairDevice: {
      field: 'pairDevice(input: { token: $Pairing, name: "New", system: LINUX }) { deviceId secret }',
      gets: byAnybody,
      shows: /tsr_device_/,
      target: freshPairing,
    },
    approveDevice: {
      field: 'approveDevice(input: { id: $FreshDevice }) { device { name approved } }',
      gets: byItsOwner,
      target: freshDevice,
    },
    updateDevice: {
      field: `updateDevice(input: { id: $FreshDevice, name: "${secret} desk" }) { device { name } }`,
      gets: byItsOwner,
      target: freshDevice,
    },
    revokeDevice: {
      field: 'revokeDevice(input: { id: $FreshDevice }) { revokedId }',
      gets: byItsOwner,
      shows: /device_/,
      target: freshDevice,
    },
  },
};
