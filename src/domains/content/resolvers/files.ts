import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { Forbidden } from '../../../errors.ts';
import { viewerOf } from '../../context.ts';
import { requirePermission } from '../../permissions.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { createFileLink, publicUrl, revokeFileLinks } from '../file-links.ts';
import { fileList, storageByOrganization } from '../file-loaders.ts';
import { deleteFile, updateFile } from '../files.ts';
import type { FileRow } from '../tables.ts';

const nothingStored = { fileCount: 0, bytes: 0, storedBytes: 0 };

export const resolvers: Resolvers = {
  Query: {
    files: (_root, args, { unit }) => {
      unit.enter('rooms');
      unit.enter('projects');
      return fileList<FileRow>(unit, args);
    },
  },
  Mutation: {
    updateFile: async (_root, { input }, context) => ({ file: await updateFile(context, input) }),
    deleteFile: async (_root, { input }, context) => ({
      deletedId: globalId('File', await deleteFile(context, input.id)),
    }),
    createFileLink: (_root, { input }, context) => createFileLink(context, input),
    revokeFileLinks: async (_root, { input }, context) => ({ revoked: await revokeFileLinks(context, input.id) }),
  },
  File: {
    url: (file, _args, { services }) => publicUrl(services, file),
    uploadedBy: ({ uploadedById }, _args, { unit }) =>
      uploadedById === null ? null : memberUserById(unit).load(uploadedById),
  },
  Organization: {
    storage: async ({ id }, _args, context) => {
      const viewer = viewerOf(context);
      requirePermission(viewer, 'ORGANIZATION_MANAGE');
      // Whoever was given the permission by hand sees a part of the files alone.
      if (!viewer.principals.includes(id))
        throw new Forbidden('ORGANIZATION_MANAGE', 'Only owners and administrators see what all files take up.');
      return (await storageByOrganization(context.unit).load(id)) ?? nothingStored;
    },
  },
};
