import { globalId } from '../../src/ids.ts';
import { password, sessionsOf, signInTo } from '../people.ts';
import { byEverybody, type Fixture, type Fixtures } from './fixture.ts';

/** Whoever has signed in themselves, about what is their own; no key does. */
const bySessions: Fixture['gets'] = { ...byEverybody, key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' };

/** One's own account, its sessions, and leaving. */
export const fixtures: Fixtures = {
  mutations: {
    updateProfile: {
      gets: bySessions,
      field: 'updateProfile(input: { bio: "Likes roses." }) { account { bio } }',
      shows: /Likes roses/,
    },
    setAvatar: {
      gets: bySessions,
      field: 'setAvatar(input: { image: null }) { account { avatarUrl } }',
      shows: /"avatarUrl":null/,
    },
    setWebPushSubscription: {
      gets: bySessions,
      field: 'setWebPushSubscription(input: { subscription: null }) { subscribed }',
      shows: /false/,
    },
    markRecoveryCodesSeen: {
      gets: bySessions,
      field: 'markRecoveryCodesSeen { account { recoveryCodesSeen } }',
      shows: /true/,
    },
    revokeSession: {
      gets: { ...bySessions, otherwise: 'NOT_FOUND', owner: 'data' },
      field: 'revokeSession(input: { id: $Revoked }) { session { active } }',
      shows: /"active":false/,
      target: async (_owner, ids, bed) => {
        const owner = { userId: String(ids.User) };
        await signInTo(bed, String(ids.Organization), owner);
        return { Revoked: globalId('Session', (await sessionsOf(bed, owner)).at(-1)?.id ?? '') };
      },
    },
    revokeOtherSessions: { gets: bySessions, field: 'revokeOtherSessions { count }', shows: /"count":\d/ },
    switchOrganization: {
      gets: { ...bySessions, stranger: 'NOT_FOUND', platformAdmin: 'NOT_FOUND' },
      field: 'switchOrganization(input: { organizationId: $Organization }) { organization { name } }',
    },
    deleteAccount: {
      gets: bySessions,
      field: `deleteAccount(input: { password: "${password}" }) { restorableUntil }`,
      shows: /restorableUntil":"20/,
    },
    restoreAccount: {
      // Whoever knows the password may, whatever token they carry.
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      field: `restoreAccount(input: { email: $Deleted, password: "${password}" }) { restored }`,
      shows: /true/,
      target: async (_owner, _ids, bed) => {
        const person = await bed.signUp('Deleted');
        await person.want(`mutation { deleteAccount(input: { password: "${password}" }) { restorableUntil } }`);
        return { Deleted: person.email };
      },
    },
    eraseAccount: {
      gets: bySessions,
      field: `eraseAccount(input: { password: "${password}" }) { erased }`,
      shows: /true/,
    },
  },
  connections: {
    'Account.organizations': {
      gets: bySessions,
      field: 'viewer { account { organizations { totalCount edges { node { name } } } } }',
    },
    'Account.sessions': {
      gets: bySessions,
      field: 'viewer { account { sessions { totalCount edges { node { current } } } } }',
    },
  },
};
