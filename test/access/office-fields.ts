import { officeDocumentOf, secret } from './cast.ts';
import type { Fixture, Fixtures } from './fixture.ts';

type Gets = Fixture['gets'];

/** Whoever the document is shared with, its owner and the administrator; others of the organization find it as little as strangers do. */
const byReaders: Gets = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  neighbour: 'NOT_FOUND',
  workspaceAdmin: 'NOT_FOUND',
  manager: 'NOT_FOUND',
  keyWithoutScope: 'FORBIDDEN',
};
const byCommentators: Gets = { ...byReaders, guest: 'FORBIDDEN' };
const byEditors: Gets = { ...byCommentators, viewer: 'FORBIDDEN' };
const byItsOwner: Gets = { ...byEditors, editor: 'FORBIDDEN' };
/** The comment is the owner's, and nobody writes in another's name. */
const byItsAuthor: Gets = { ...byItsOwner, admin: 'FORBIDDEN' };
/** Only who may bring a deleted one back finds it. */
const byItsOwnerOnceDeleted: Gets = {
  ...byItsOwner,
  guest: 'NOT_FOUND',
  viewer: 'NOT_FOUND',
  editor: 'NOT_FOUND',
};

/** One like that of the cast. */
const fresh: NonNullable<Fixture['target']> = (owner, ids) => officeDocumentOf(owner, ids);
const deleted: NonNullable<Fixture['target']> = async (owner, ids) => {
  const made = await officeDocumentOf(owner, ids);
  await owner.want(
    'mutation ($input: DeleteOfficeDocumentInput!) { deleteOfficeDocument(input: $input) { deletedId } }',
    {
      input: { id: made.OfficeDocument },
    },
  );
  return made;
};

export const fixtures: Fixtures = {
  queries: {
    officeDocument: { field: 'officeDocument(id: $OfficeDocument) { title content }', gets: byReaders },
    officeDocuments: {
      field: 'officeDocuments { edges { node { title owner { name } } } }',
      gets: {
        ...byReaders,
        stranger: 'own',
        platformAdmin: 'own',
        neighbour: 'own',
        workspaceAdmin: 'own',
        manager: 'own',
      },
    },
    officeDocumentVersion: {
      field: 'officeDocumentVersion(id: $OfficeDocument, version: 2) { title content savedBy { name } }',
      gets: byReaders,
    },
    compareOfficeDocumentVersions: {
      field: 'compareOfficeDocumentVersions(id: $OfficeDocument, from: 1, to: 2) { differences { newValue } }',
      gets: byReaders,
    },
  },
  connections: {
    'OfficeDocument.versions': { gets: byReaders },
    'OfficeDocument.shares': { gets: byReaders },
    'OfficeDocument.comments': { gets: byReaders },
  },
  subscriptions: {
    officeDocumentEvents: {
      field: 'officeDocumentEvents(id: $OfficeDocument) { ... on OfficeDocumentCommented { comment { text } } }',
      gets: byReaders,
      meanwhile: async (owner, { OfficeDocument: id }) => {
        await owner.want(
          'mutation ($input: AddOfficeDocumentCommentInput!) { addOfficeDocumentComment(input: $input) { comment { id } } }',
          { input: { id, text: `${secret}!` } },
        );
      },
    },
  },
  mutations: {
    createOfficeDocument: {
      field:
        'createOfficeDocument(input: { kind: WORD, title: "New", content: {} }) { officeDocument { id owner { name } } }',
      gets: { otherwise: 'data', anonymous: 'UNAUTHENTICATED', guest: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' },
      shows: /office_document_/,
    },
    saveOfficeDocument: {
      field:
        'saveOfficeDocument(input: { id: $OfficeDocument, baseVersion: 2, content: [1] }) { officeDocument { title } }',
      gets: byEditors,
      target: fresh,
    },
    restoreOfficeDocumentVersion: {
      field:
        'restoreOfficeDocumentVersion(input: { id: $OfficeDocument, baseVersion: 2, version: 1 }) { officeDocument { title } }',
      gets: byEditors,
      target: fresh,
    },
    deleteOfficeDocument: {
      field: 'deleteOfficeDocument(input: { id: $OfficeDocument }) { deletedId }',
      gets: byItsOwner,
      shows: /office_document_/,
      target: fresh,
    },
    restoreOfficeDocument: {
      field: 'restoreOfficeDocument(input: { id: $OfficeDocument }) { officeDocument { title } }',
      gets: byItsOwnerOnceDeleted,
      target: deleted,
    },
    purgeOfficeDocument: {
      field: 'purgeOfficeDocument(input: { id: $OfficeDocument }) { deletedId }',
      gets: byItsOwnerOnceDeleted,
      shows: /office_document_/,
      target: deleted,
    },
    shareOfficeDocument: {
      field:
        'shareOfficeDocument(input: { id: $OfficeDocument, userId: $Guest, level: EDIT }) { officeDocument { title } share { level } }',
      gets: byItsOwner,
      target: fresh,
    },
    unshareOfficeDocument: {
      field: 'unshareOfficeDocument(input: { id: $OfficeDocument, userId: $Guest }) { officeDocument { title } }',
      gets: byItsOwner,
      target: fresh,
    },
    leaveOfficeDocument: {
      field: 'leaveOfficeDocument(input: { id: $OfficeDocument }) { leftId }',
      gets: { ...byReaders, owner: 'FORBIDDEN', admin: 'FORBIDDEN', key: 'FORBIDDEN' },
      shows: /office_document_/,
      target: fresh,
    },
    transferOfficeDocument: {
      field: 'transferOfficeDocument(input: { id: $OfficeDocument, userId: $Editor }) { officeDocument { title } }',
      gets: byItsOwner,
      target: fresh,
    },
    addOfficeDocumentComment: {
      field: 'addOfficeDocumentComment(input: { id: $OfficeDocument, text: "Oh" }) { comment { document { title } } }',
      gets: byCommentators,
      target: fresh,
    },
    updateOfficeDocumentComment: {
      field:
        'updateOfficeDocumentComment(input: { id: $OfficeDocumentComment, text: "Oh" }) { comment { document { title } } }',
      gets: byItsAuthor,
      target: fresh,
    },
    resolveOfficeDocumentComment: {
      field: 'resolveOfficeDocumentComment(input: { id: $OfficeDocumentComment }) { comment { text resolvedAt } }',
      gets: byEditors,
      target: fresh,
    },
    reopenOfficeDocumentComment: {
      field: 'reopenOfficeDocumentComment(input: { id: $OfficeDocumentComment }) { comment { text } }',
      gets: byEditors,
      target: fresh,
    },
    deleteOfficeDocumentComment: {
      field: 'deleteOfficeDocumentComment(input: { id: $OfficeDocumentComment }) { deletedId }',
      gets: byItsOwner,
      shows: /office_document_comment_/,
      target: fresh,
    },
  },
};
