import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import {
  addOfficeDocumentComment,
  deleteOfficeDocumentComment,
  reopenOfficeDocumentComment,
  resolveOfficeDocumentComment,
  updateOfficeDocumentComment,
} from '../office-comments.ts';
import {
  createOfficeDocument,
  deleteOfficeDocument,
  purgeOfficeDocument,
  restoreOfficeDocument,
  restoreOfficeDocumentVersion,
  saveOfficeDocument,
} from '../office-documents.ts';
import { officeDocumentEvents } from '../office-events.ts';
import {
  anyOfficeDocumentById,
  officeCommentById,
  officeCommentsByDocument,
  officeContentById,
  officeDocumentById,
  officeDocumentList,
  officeShareById,
  officeSharesByDocument,
  officeVersionById,
  officeVersionContentById,
  officeVersionsByDocument,
  ownOfficeShareByDocument,
} from '../office-loaders.ts';
import { actsAsOwner } from '../office-rights.ts';
import {
  leaveOfficeDocument,
  shareOfficeDocument,
  transferOfficeDocument,
  unshareOfficeDocument,
} from '../office-shares.ts';
import type { OfficeDocumentCommentRow, OfficeDocumentShareRow, OfficeDocumentVersionRow } from '../office-tables.ts';
import { compareOfficeDocumentVersions, officeDocumentVersion } from '../office-versions.ts';

export const resolvers: Resolvers = {
  Query: {
    officeDocument: (_root, { id }, { unit }) => found('OfficeDocument', id, officeDocumentById(unit)),
    officeDocuments: (_root, args, { unit }) => officeDocumentList(unit, args),
    officeDocumentVersion: (_root, { id, version }, { unit }) => officeDocumentVersion(unit, id, version),
    compareOfficeDocumentVersions: (_root, { id, from, to }, { unit }) =>
      compareOfficeDocumentVersions(unit, id, from, to),
  },
  Mutation: {
    createOfficeDocument: async (_root, { input }, context) => ({
      officeDocument: await createOfficeDocument(context, input),
    }),
    saveOfficeDocument: async (_root, { input }, context) => ({
      officeDocument: await saveOfficeDocument(context, input),
    }),
    restoreOfficeDocumentVersion: async (_root, { input }, context) => ({
      officeDocument: await restoreOfficeDocumentVersion(context, input),
    }),
    deleteOfficeDocument: async (_root, { input }, context) => ({
      deletedId: globalId('OfficeDocument', await deleteOfficeDocument(context, input.id)),
    }),
    restoreOfficeDocument: async (_root, { input }, context) => ({
      officeDocument: await restoreOfficeDocument(context, input.id),
    }),
    purgeOfficeDocument: async (_root, { input }, context) => ({
      deletedId: globalId('OfficeDocument', await purgeOfficeDocument(context, input.id)),
    }),
    shareOfficeDocument: async (_root, { input }, context) => {
      const { document, share } = await shareOfficeDocument(context, input);
      return { officeDocument: document, share };
    },
    unshareOfficeDocument: async (_root, { input }, context) => ({
      officeDocument: await unshareOfficeDocument(context, input),
    }),
    leaveOfficeDocument: async (_root, { input }, context) => ({
      leftId: globalId('OfficeDocument', await leaveOfficeDocument(context, input.id)),
    }),
    transferOfficeDocument: async (_root, { input }, context) => ({
      officeDocument: await transferOfficeDocument(context, input),
    }),
    addOfficeDocumentComment: async (_root, { input }, context) => ({
      comment: await addOfficeDocumentComment(context, input),
    }),
    updateOfficeDocumentComment: async (_root, { input }, context) => ({
      comment: await updateOfficeDocumentComment(context, input),
    }),
    resolveOfficeDocumentComment: async (_root, { input }, context) => ({
      comment: await resolveOfficeDocumentComment(context, input.id),
    }),
    reopenOfficeDocumentComment: async (_root, { input }, context) => ({
      comment: await reopenOfficeDocumentComment(context, input.id),
    }),
    deleteOfficeDocumentComment: async (_root, { input }, context) => ({
      deletedId: globalId('OfficeDocumentComment', await deleteOfficeDocumentComment(context, input.id)),
    }),
  },
  Subscription: {
    officeDocumentEvents: {
      subscribe: (_root, { id }, context) => officeDocumentEvents(context, id),
    },
  },
  OfficeDocument: {
    content: async ({ id }, _args, { unit }) => (await officeContentById(unit).load(id))?.content,
    owner: ({ ownerId }, _args, { unit }) => memberUserById(unit).load(ownerId),
    savedBy: ({ savedById }, _args, { unit }) => (savedById === null ? null : memberUserById(unit).load(savedById)),
    deletedBy: ({ deletedById }, _args, { unit }) =>
      deletedById === null ? null : memberUserById(unit).load(deletedById),
    myLevel: async (document, _args, context) =>
      actsAsOwner(viewerOf(context), document)
        ? 'OWNER'
        : (await found('OfficeDocument', document.id, ownOfficeShareByDocument(context.unit))).level,
    versions: ({ id }, args, { unit }) => officeVersionsByDocument<OfficeDocumentVersionRow>(unit, args, id),
    shares: ({ id }, args, { unit }) => officeSharesByDocument<OfficeDocumentShareRow>(unit, args, id),
    comments: ({ id }, args, { unit }) => officeCommentsByDocument<OfficeDocumentCommentRow>(unit, args, id),
  },
  OfficeDocumentVersion: {
    content: async ({ id }, _args, { unit }) => (await officeVersionContentById(unit).load(id))?.content,
    savedAt: ({ createdAt }) => createdAt,
    savedBy: ({ savedById }, _args, { unit }) => (savedById === null ? null : memberUserById(unit).load(savedById)),
    document: ({ documentId }, _args, { unit }) => found('OfficeDocument', documentId, anyOfficeDocumentById(unit)),
  },
  OfficeDocumentShare: {
    user: ({ userId }, _args, { unit }) => found('User', userId, memberUserById(unit)),
    sharedBy: ({ sharedById }, _args, { unit }) => (sharedById === null ? null : memberUserById(unit).load(sharedById)),
    document: ({ documentId }, _args, { unit }) => found('OfficeDocument', documentId, anyOfficeDocumentById(unit)),
  },
  OfficeDocumentComment: {
    author: ({ authorId }, _args, { unit }) => (authorId === null ? null : memberUserById(unit).load(authorId)),
    resolvedBy: ({ resolvedById }, _args, { unit }) =>
      resolvedById === null ? null : memberUserById(unit).load(resolvedById),
    document: ({ documentId }, _args, { unit }) => found('OfficeDocument', documentId, anyOfficeDocumentById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  OfficeDocument: officeDocumentById,
  OfficeDocumentVersion: officeVersionById,
  OfficeDocumentShare: officeShareById,
  OfficeDocumentComment: officeCommentById,
};
