import type { Resolvers } from '../../../generated/resolvers.ts';
import { encryptionKeys } from '../reencryption.ts';

export const resolvers: Resolvers = {
  Query: { encryptionKeys: (_root, _args, { unit, services }) => encryptionKeys(unit, services) },
};
