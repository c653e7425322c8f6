import { z } from 'zod';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { settableAt } from '../../setting-key.ts';
import type { StoredSetting } from '../../tenancy/setting-values.ts';
import type { SettingRow } from '../setting-rows.ts';
import { publicSettings, setSetting, settingByKey, settingList } from '../settings.ts';

const isSecret = ({ entry }: SettingRow): boolean => entry.visibility === 'SECRET';

const inForce = ({ entry, access, values }: SettingRow) => values.inForce(entry, access.scope);

const setHere = ({ entry, access, values }: SettingRow): StoredSetting | undefined => values.setAt(entry, access.scope);

export const resolvers: Resolvers = {
  Query: {
    settings: (_root, args, context) => settingList(context, args),
    setting: (_root, { key, ...asked }, context) => settingByKey(context, asked, key),
    publicSettings: (_root, _args, context) => publicSettings(context),
  },
  Mutation: {
    setSetting: async (_root, { input }, context) => ({ setting: await setSetting(context, input) }),
  },
  Setting: {
    key: ({ entry }) => entry.key,
    description: ({ entry }) => entry.description,
    visibility: ({ entry }) => entry.visibility,
    scopes: ({ entry }) => settableAt(entry),
    schema: ({ entry }) => z.toJSONSchema(entry.shape, { io: 'input' }),
    default: (row, _args, { services }) => (isSecret(row) ? null : row.entry.initial(services.settings)),
    value: (row) => (isSecret(row) ? null : inForce(row).value),
    origin: (row) => inForce(row).origin,
    isSet: (row) => inForce(row).origin !== 'DEFAULT',
    isSetHere: (row) => setHere(row) !== undefined,
    canSet: ({ entry, access }) => access.mayChange && settableAt(entry).includes(access.scope),
    updatedAt: (row) => setHere(row)?.updatedAt ?? null,
    updatedBy: (row, _args, { unit }) => {
      const userId = setHere(row)?.updatedById ?? null;
      return userId === null ? null : memberUserById(unit).load(userId);
    },
  },
};
