import type { OneByKey } from '../../../database/loader.ts';
import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { groupById } from '../../tenancy/group-loaders.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { setDocumentAccess } from '../document-access.ts';

/** Readers of one kind: an id says not which kind it is of, and may lead to nobody any more. */
const among = async <Row>(of: OneByKey<Row>, unit: UnitOfWork, readers: readonly string[] | null): Promise<Row[]> => {
  const rows = await Promise.all((readers ?? []).map((id) => of(unit).load(id)));
  return rows.filter((row) => row !== null);
};

export const resolvers: Resolvers = {
  Mutation: {
    setDocumentAccess: async (_root, { input }, context) => ({ document: await setDocumentAccess(context, input) }),
  },
  Document: {
    access: ({ readers }) => ({ readers }),
  },
  DocumentAccess: {
    kind: ({ readers }) => (readers === null ? 'WORKSPACE' : 'RESTRICTED'),
    groups: ({ readers }, _args, { unit }) => among(groupById, unit, readers),
    users: ({ readers }, _args, { unit }) => among(memberUserById, unit, readers),
  },
};
