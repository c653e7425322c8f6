import { Readable } from 'node:stream';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { devices, extensionKeys } from '../src/domains/identity/tables.ts';
import { datasources } from '../src/domains/content/datasource-tables.ts';
import {
  officeDocumentComments,
  officeDocuments,
  officeDocumentShares,
  officeDocumentVersions,
} from '../src/domains/content/office-tables.ts';
import { dueSyncs, syncExecutions, syncFailures, syncQueues } from '../src/domains/content/sync-tables.ts';
import { documents, documentVersions, searchLogs } from '../src/domains/content/tables.ts';
import { parsedFiles, runningAnswers } from '../src/domains/conversations/tables.ts';
import {
  apiKeyWorkspaces,
  apiKeys,
  groupMemberships,
  groups,
  inviteClaims,
  invites,
  inviteWorkspaces,
  userPermissions,
  workspaceSettings,
} from '../src/domains/tenancy/tables.ts';
import { newId } from '../src/ids.ts';
import { fillAnalytics, fillBank } from './organization-filled-bank.ts';
import { fillPlatform } from './organization-filled-platform.ts';
import { fillHub } from './organization-filled-hub.ts';
import { fillProjects } from './organization-filled-projects.ts';
import { fillTalk } from './organization-filled-talk.ts';
import { fillWebhooks } from './organization-filled-webhooks.ts';
import { wholeOf } from './organization-people.ts';
import { uuidOf } from './talk.ts';
import type { Testbed } from './testbed.ts';
import { castOf, secret, type Cast } from './access/cast.ts';

/** A cast whose owner's organization has rows in every table of tenants, and who else is in it. */
export interface Filled extends Cast {
  /** A MEMBER of the owner's organization, as a UUID. */
  readonly memberId: string;
  /** A group of the owner's organization, as a UUID. */
  readonly groupId: string;
}

/** What is sealed in the organization and must not be seen outside. */
export const sealed = 'sealed-webhook-secret';

/** Fills what `castOf` leaves empty. A new table of tenants belongs here, as the tests that count rows will say. */
export const filledCast = async (bed: Testbed): Promise<Filled> => {
  const cast = await castOf(bed);
  const [organizationId, userId] = [uuidOf(cast.owner.organizationId), uuidOf(cast.owner.userId)];
  const workspaceId = uuidOf(cast.ids.Workspace ?? '');
  const viewer: { viewer: { user: { id: string } } } = await cast.people.neighbour.want('{ viewer { user { id } } }');
  const memberId = uuidOf(viewer.viewer.user.id);
  const [groupId, inviteId, apiKeyId] = [newId(), newId(), newId()];
  const readers = [memberId, organizationId];
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const whole = wholeOf(bed, cast.owner.organizationId);
  await whole.transact(async () => {
    const text = (what: string) => `${secret} ${what}`;
    await database.insert(groups).values({ organizationId, id: groupId, name: text('second group') });
    await database.insert(groupMemberships).values({ organizationId, groupId, userId: memberId });
    await database
      .insert(userPermissions)
      .values({ organizationId, readers, userId: memberId, permission: 'MEMBER_INVITE', grantedById: userId });
    await database.insert(apiKeys).values({
      organizationId,
      id: apiKeyId,
      readers,
      userId: memberId,
      label: text('key'),
      prefix: 'tsr_key_abc',
      scopes: ['WORKSPACE_READ'],
      allWorkspaces: false,
    });
    await database.insert(apiKeyWorkspaces).values({ organizationId, apiKeyId, workspaceId });
    await database.insert(workspaceSettings).values({ organizationId, workspaceId, tone: text('tone') });
    const role = 'MEMBER' as const;
    await database.insert(invites).values({
      organizationId,
      id: inviteId,
      readers: [userId, organizationId],
      role,
      expiresAt,
      createdById: userId,
    });
    await database.insert(inviteWorkspaces).values({ organizationId, inviteId, workspaceId, role: 'EDITOR' });
    await database.insert(inviteClaims).values({ organizationId, inviteId, userId: memberId });
    const documentId = uuidOf(cast.ids.Document ?? '');
    const inWorkspace = { organizationId, workspaceId };
    await database
      .update(documents)
      .set({ tags: [text('tag')], metadata: { author: secret } })
      .where(eq(documents.id, documentId));
    const former = { title: text('title'), mimeType: 'text/plain', text: text('former'), contentHash: secret };
    await database.insert(documentVersions).values({ ...inWorkspace, ...former, documentId, version: 1 });
    await database
      .insert(searchLogs)
      .values({ ...inWorkspace, userId: memberId, query: text('query'), hitCount: 1, latencyMs: 5 });
    const [datasourceId, queueId, officeDocumentId] = [newId(), newId(), newId()];
    const source = { name: text('source'), kind: 'FEED' as const, encryptedSecrets: sealed };
    await database.insert(datasources).values({ ...inWorkspace, ...source, id: datasourceId });
    await database.insert(syncQueues).values({ ...inWorkspace, id: queueId, datasourceId, staleAfterSeconds: 3600 });
    await database.insert(dueSyncs).values({ queueId, organizationId, dueAt: expiresAt });
    await database
      .insert(syncExecutions)
      .values({ ...inWorkspace, queueId, trigger: 'REQUEST', status: 'FAILED', failure: text('failure') });
    await database
      .insert(syncFailures)
      .values({ ...inWorkspace, datasourceId, externalId: secret, reason: text('reason') });
    const office = { organizationId, readers, documentId: officeDocumentId };
    const saved = { title: text('office'), content: { text: secret }, size: 20 };
    await database
      .insert(officeDocuments)
      .values({ organizationId, readers, id: officeDocumentId, ownerId: memberId, kind: 'WORD', ...saved });
    await database.insert(officeDocumentVersions).values({ ...office, ...saved, version: 1 });
    await database.insert(officeDocumentShares).values({ ...office, userId: memberId, level: 'VIEW' });
    await database
      .insert(officeDocumentComments)
      .values({ ...office, authorId: memberId, text: text('remark'), version: 1 });
    const dropped = { fileId: uuidOf(cast.ids.File ?? ''), title: text('dropped'), mimeType: 'text/plain' };
    await database
      .insert(parsedFiles)
      .values({ ...inWorkspace, ...dropped, conversationId: uuidOf(cast.ids.Conversation ?? '') });
    await database.insert(runningAnswers).values({ messageId: newId(), organizationId, leaseUntil: expiresAt });
  });
  const own = whole.as({ ...whole.scope, userId: memberId });
  await own.transact(async () => {
    const named = { organizationId, userId: memberId };
    await database.insert(devices).values({ ...named, name: `${secret} phone`, system: 'IOS' });
    await database.insert(extensionKeys).values({ ...named, label: `${secret} browser`, prefix: 'tsr_extension_abc' });
  });
  const references = { documentId: uuidOf(cast.ids.Document ?? ''), fileId: uuidOf(cast.ids.File ?? '') };
  await fillTalk(whole, { organizationId, workspaceId, ...references, memberId, secret });
  await fillWebhooks(whole, { organizationId, workspaceId, memberId, secret, sealed });
  await fillProjects(whole, { organizationId, workspaceId, ...references, memberId, secret });
  await fillHub(whole, { organizationId, memberId, groupId, secret, sealed });
  const places = { organizationId, workspaceId, memberId, groupId, secret };
  await fillAnalytics(whole, places);
  await fillBank(whole, places);
  await fillPlatform(whole, { organizationId, workspaceId, memberId, secret, sealed });
  const { store } = bed.server.installation.services;
  // Such as the picture of a workspace, and what a crash left of an upload.
  for (const key of [`${organizationId}/avatars/${workspaceId}`, `incoming/${organizationId}/${newId()}`])
    await store.write(key, Readable.from([Buffer.from(`${secret} bytes`)]), { maxBytes: 100 });
  return { ...cast, memberId, groupId };
};
