import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { fileById } from '../../content/loaders.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { createEmailDraft, deleteEmail, updateEmailDraft } from '../email-drafts.ts';
import { emailEvents } from '../email-events.ts';
import {
  attachmentsByEmail,
  emailBodyById,
  emailById,
  emailsByOwner,
  emailsByThread,
  emailThreadById,
  emailThreadList,
  inboundSourceById,
  inboundSourceList,
} from '../email-loaders.ts';
import { archiveEmailThread, markEmailsRead, starEmail } from '../email-marks.ts';
import { searchEmails, snippetOf } from '../email-search.ts';
import { cancelEmail, retryEmail, sendEmail } from '../email-sending.ts';
import type { EmailRow, InboundEmailSourceRow } from '../email-tables.ts';
import { createInboundEmailSource, revokeInboundEmailSource } from '../inbound-sources.ts';

export const resolvers: Resolvers = {
  Query: {
    email: (_root, { id }, { unit }) => found('Email', id, emailById(unit)),
    emailThread: (_root, { id }, { unit }) => found('EmailThread', id, emailThreadById(unit)),
    emails: (_root, args, context) => emailsByOwner<EmailRow>(context.unit, args, viewerOf(context).userId),
    emailThreads: (_root, args, context) => emailThreadList(context.unit, args, viewerOf(context).userId),
    searchEmails: (_root, args, context) => searchEmails(context, args),
    inboundEmailSources: (_root, args, { unit }) => inboundSourceList<InboundEmailSourceRow>(unit, args),
  },
  Mutation: {
    createEmailDraft: async (_root, { input }, context) => ({ email: await createEmailDraft(context, input) }),
    updateEmailDraft: async (_root, { input }, context) => ({ email: await updateEmailDraft(context, input) }),
    sendEmail: async (_root, { input }, context) => ({ email: await sendEmail(context, input) }),
    cancelEmail: async (_root, { input }, context) => ({ email: await cancelEmail(context, input.id) }),
    retryEmail: async (_root, { input }, context) => ({ email: await retryEmail(context, input.id) }),
    deleteEmail: async (_root, { input }, context) => ({
      deletedId: globalId('Email', await deleteEmail(context, input.id)),
    }),
    markEmailsRead: async (_root, { input: { ids, read = true } }, context) => ({
      emails: await markEmailsRead(context, ids, read),
    }),
    starEmail: async (_root, { input: { id, starred = true } }, context) => ({
      email: await starEmail(context, id, starred),
    }),
    archiveEmailThread: async (_root, { input: { id, archived = true } }, context) => ({
      emailThread: await archiveEmailThread(context, id, archived),
    }),
    createInboundEmailSource: (_root, { input }, context) => createInboundEmailSource(context, input.label),
    revokeInboundEmailSource: async (_root, { input }, context) => ({
      source: await revokeInboundEmailSource(context, input.id),
    }),
  },
  Subscription: {
    emailEvents: { subscribe: (_root, _args, context) => emailEvents(context) },
  },
  Email: {
    thread: ({ threadId }, _args, { unit }) => found('EmailThread', threadId, emailThreadById(unit)),
    text: async ({ id }, _args, { unit }) => (await found('Email', id, emailBodyById(unit))).text,
    html: async ({ id }, _args, { unit }) => (await found('Email', id, emailBodyById(unit))).html,
    attachments: ({ id }, _args, { unit }) => attachmentsByEmail(unit).load(id),
    // While it waits the column holds when it is to leave.
    sendAt: ({ status, sentAt }) => (status === 'QUEUED' ? sentAt : null),
    sentAt: ({ status, sentAt }) => (status === 'QUEUED' ? null : sentAt),
  },
  EmailAttachment: {
    file: ({ fileId }, _args, { unit }) => found('File', fileId, fileById(unit)),
  },
  EmailThread: {
    emails: ({ id }, args, { unit }) => emailsByThread<EmailRow>(unit, args, id),
  },
  EmailSearchEdge: {
    snippet: (edge, _args, context) => snippetOf(context, edge),
  },
  InboundEmailSource: {
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  Email: emailById,
  EmailThread: emailThreadById,
  InboundEmailSource: inboundSourceById,
};
