import { and, eq } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { UnitOfWork, wholeOf } from '../../src/database/unit-of-work.ts';
import { emails } from '../../src/domains/messaging/email-tables.ts';
import { emailBy, parties } from '../mailboxes.ts';
import { uuidOf } from '../talk.ts';
import { secret } from './cast.ts';
import { byAdmins, type Fixture, type Fixtures } from './fixture.ts';

type Gets = Fixture['gets'];

/** Nobody but the owner of the mailbox, and their key, finds what is in it: administrators as little as strangers. */
const byItsOwner: Gets = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
  owner: 'data',
  key: 'data',
};
/** Whoever has a mailbox sees their own. */
const inOnesOwn: Gets = { ...byItsOwner, otherwise: 'own' };
/** Whoever has a mailbox may write. */
const byMembers: Gets = { ...byItsOwner, otherwise: 'data' };

type Target = NonNullable<Fixture['target']>;

const drafted: Target = async (owner) => ({
  Draft: (await emailBy(owner, 'createEmailDraft', { subject: `${secret} draft` })).id,
});
const addressed: Target = async (owner, { OwnerEmail = '' }) => ({
  Draft: (await emailBy(owner, 'createEmailDraft', { subject: `${secret} draft`, to: parties(OwnerEmail) })).id,
});
/** One in a state that only jobs and mail servers bring about; no job belongs to it, for which others would wait. */
const standing =
  (name: string, status: 'QUEUED' | 'FAILED'): Target =>
  async (owner, ids, bed) => {
    const { Draft = '' } = await addressed(owner, ids, bed);
    const [organizationId, userId] = [uuidOf(ids.Organization ?? ''), uuidOf(ids.User ?? '')];
    const origin = { requestId: 'test', address: null, userAgent: null };
    const unit = new UnitOfWork(wholeOf(organizationId, userId), { ...bed.server.installation.services, origin });
    const failure = status === 'FAILED' ? 'No' : null;
    await unit.transact(() =>
      database
        .update(emails)
        .set({ status, failure, messageId: `<${Draft}@example.com>` })
        .where(and(eq(emails.organizationId, organizationId), eq(emails.id, uuidOf(Draft)))),
    );
    return { [name]: Draft };
  };
const source: Target = async (owner) => {
  const data: { createInboundEmailSource: { source: { id: string } } } = await owner.want(
    `mutation { createInboundEmailSource(input: { label: "${secret} relay" }) { source { id } } }`,
  );
  const { id } = data.createInboundEmailSource.source;
  await owner.want(`mutation { revokeInboundEmailSource(input: { id: "${id}" }) { source { id } } }`);
  return { Source: id };
};

export const fixtures: Fixtures = {
  queries: {
    email: { field: 'email(id: $Email) { subject text thread { subject } }', gets: byItsOwner },
    emailThread: { field: 'emailThread(id: $EmailThread) { subject }', gets: byItsOwner },
    emails: { field: 'emails { edges { node { subject } } }', gets: inOnesOwn },
    emailThreads: { field: 'emailThreads { edges { node { subject } } }', gets: inOnesOwn },
    searchEmails: {
      field: `searchEmails(query: "${secret}") { edges { node { subject } snippet { text } } }`,
      gets: inOnesOwn,
    },
    inboundEmailSources: {
      field: 'inboundEmailSources { edges { node { label } } }',
      gets: { ...byAdmins, stranger: 'own', platformAdmin: 'own' },
    },
  },
  connections: { 'EmailThread.emails': { gets: byItsOwner } },
  subscriptions: {
    emailEvents: {
      field: 'emailEvents { kind emails { subject } }',
      gets: inOnesOwn,
      meanwhile: async (owner, { Email }) => {
        await owner.want(`mutation { markEmailsRead(input: { ids: ["${Email}"] }) { emails { id } } }`);
      },
    },
  },
  mutations: {
    createEmailDraft: {
      field: 'createEmailDraft(input: { subject: "New" }) { email { id } }',
      gets: byMembers,
      shows: /email_/,
    },
    updateEmailDraft: {
      field: 'updateEmailDraft(input: { id: $Draft, version: 1, text: "Changed" }) { email { subject } }',
      gets: byItsOwner,
      target: drafted,
    },
    sendEmail: {
      field: 'sendEmail(input: { draftId: $Draft }) { email { subject } }',
      gets: byItsOwner,
      target: addressed,
    },
    cancelEmail: {
      field: 'cancelEmail(input: { id: $Queued }) { email { subject } }',
      gets: byItsOwner,
      target: standing('Queued', 'QUEUED'),
    },
    retryEmail: {
      field: 'retryEmail(input: { id: $Failed }) { email { subject } }',
      gets: byItsOwner,
      target: standing('Failed', 'FAILED'),
    },
    deleteEmail: {
      field: 'deleteEmail(input: { id: $Draft }) { deletedId }',
      gets: byItsOwner,
      shows: /email_/,
      target: drafted,
    },
    markEmailsRead: {
      field: 'markEmailsRead(input: { ids: [$Email] }) { emails { subject } }',
      gets: byItsOwner,
    },
    starEmail: { field: 'starEmail(input: { id: $Email }) { email { subject } }', gets: byItsOwner },
    archiveEmailThread: {
      field: 'archiveEmailThread(input: { id: $EmailThread, archived: false }) { emailThread { subject } }',
      gets: byItsOwner,
    },
    createInboundEmailSource: {
      field: 'createInboundEmailSource(input: { label: "Relay" }) { source { label } }',
      gets: { ...byAdmins, stranger: 'data', platformAdmin: 'data' },
      shows: /Relay/,
    },
    revokeInboundEmailSource: {
      field: 'revokeInboundEmailSource(input: { id: $Source }) { source { label } }',
      gets: byAdmins,
      target: source,
    },
  },
};
