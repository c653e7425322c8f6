import { readFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { and, eq, sql } from 'drizzle-orm';
import { database } from './database/client.ts';
import { sole } from './database/rows.ts';
import { addDocument } from './domains/content/operations.ts';
import { documentList } from './domains/content/loaders.ts';
import type { Context, OrganizationRole, WorkspaceRole } from './domains/context.ts';
import { createUser, type Account } from './domains/identity/operations.ts';
import { passwords, users } from './domains/identity/tables.ts';
import { grantToken } from './domains/identity/tokens.ts';
import { founderOf } from './domains/tenancy/viewers.ts';
import { workspaceBySlug } from './domains/tenancy/loaders.ts';
import {
  groupMemberships,
  groups,
  invites,
  inviteWorkspaces,
  memberships,
  userOrganizations,
} from './domains/tenancy/tables.ts';
import { addWorkspaceMember } from './domains/tenancy/workspace-members.ts';
import { updateWorkspaceSettings } from './domains/tenancy/workspace-settings.ts';
import { createWorkspace } from './domains/tenancy/workspaces.ts';
import { contextFor } from './gateway/context.ts';
import type { CreateWorkspaceInput } from './generated/resolvers.ts';
import { systemOrigin, type Installation } from './installation.ts';

const guide = fileURLToPath(new URL('../docs/guide', import.meta.url));

/** Somebody of the demo organization, with roles in its workspaces by their slugs. */
interface DemoPerson {
  readonly email: string;
  readonly name: string;
  readonly role: OrganizationRole;
  readonly places: Readonly<Record<'demo' | 'field-notes', WorkspaceRole | null>>;
}

const people: readonly DemoPerson[] = [
  { email: 'editor@example.com', name: 'Edith', role: 'MEMBER', places: { demo: 'EDITOR', 'field-notes': 'ADMIN' } },
  { email: 'guest@example.com', name: 'Gustav', role: 'GUEST', places: { demo: 'VIEWER', 'field-notes': null } },
];

/**
 * Fills an organization with two workspaces, one of which holds Tessera's own guide; outside production also with a pending invite, a
 * group and people who have the owner's password. What is there already stays as it is.
 */
export const fillDemo = async ({ services }: Installation, { organizationId, userId }: Account): Promise<void> => {
  const context = contextFor(services, systemOrigin, founderOf(organizationId, userId));
  // First, so that the guide's is the newest, which lists begin with.
  const notes = await workspaceOf(context, 'field-notes', { name: 'Field notes', chatMode: 'QUERY' });
  const demo = await workspaceOf(context, 'demo', { name: 'Demo', published: true });
  if (services.settings.mode !== 'production') {
    await addPeople(context, { demo, 'field-notes': notes });
    await invite(context, demo);
  }
  await context.unit.rest();
  await addGuide(context, demo);
};

/** The workspace of a slug, made when it is not there. */
const workspaceOf = async (context: Context, slug: string, input: CreateWorkspaceInput): Promise<string> => {
  const known = await workspaceBySlug(context.unit, slug);
  if (known !== null) return known.id;
  const { id: workspaceId } = await createWorkspace(context, input);
  const welcomeMessage = `Welcome to ${input.name}. Ask what you would like to know.`;
  await updateWorkspaceSettings(context, {
    workspaceId,
    tone: 'Friendly and short, without technical terms where a plain word will do.',
    welcomeMessage,
    branding: { primaryColor: '#2f6f4f' },
  });
  return workspaceId;
};

/** Everybody has the hash of the owner's password: to make one takes longer than all else here. */
const addPeople = (context: Context, workspaces: Readonly<Record<string, string>>): Promise<void> =>
  context.unit.transact(async ({ organizationId, userId: ownerId }) => {
    const { unit } = context;
    const hashes = await database
      .select({ hash: passwords.hash })
      .from(passwords)
      .where(sql`${passwords.userId} = ${ownerId}`);
    const { hash: passwordHash } = sole(hashes);
    for (const { email, name, role, places } of people) {
      const [known] = await database
        .select({ id: users.id })
        .from(users)
        .where(sql`lower(${users.email}) = ${email}`);
      if (known !== undefined) continue;
      const userId = await createUser(unit, { email, name, passwordHash, defaultOrganizationId: organizationId });
      await database.insert(memberships).values({ organizationId, userId, role });
      await database.insert(userOrganizations).values({ organizationId, userId });
      unit.record({ action: 'user.created', type: 'User', id: userId });
      for (const [slug, own] of Object.entries(places)) {
        const workspaceId = workspaces[slug];
        if (own !== null && workspaceId !== undefined)
          await addWorkspaceMember(context, { workspaceId, userId, role: own });
      }
      if (role === 'MEMBER') await addToWriters(organizationId, userId);
    }
  });

const addToWriters = async (organizationId: string, userId: string): Promise<void> => {
  const row = { organizationId, name: 'Writers', description: 'Who keeps the documents up to date.' };
  const { id: groupId } = sole(await database.insert(groups).values(row).returning({ id: groups.id }));
  await database.insert(groupMemberships).values({ organizationId, groupId, userId });
};

const inviteDays = 7;

/** An invite for an address that nobody has. Its code is told to nobody: another one is made by whoever wants to try it. */
const invite = ({ unit }: Context, workspaceId: string): Promise<void> =>
  unit.transact(async ({ organizationId, userId }) => {
    const email = 'newcomer@example.com';
    const [known] = await database
      .select({ id: invites.id })
      .from(invites)
      .where(and(eq(invites.organizationId, organizationId), eq(invites.email, email)));
    if (known !== undefined || userId === null) return;
    const expiresAt = new Date(Date.now() + inviteDays * 86_400_000);
    const who = { readers: [userId, organizationId], email, role: 'MEMBER' as const, createdById: userId };
    const row = { organizationId, ...who, expiresAt: expiresAt.toISOString() };
    const { id: inviteId } = sole(await database.insert(invites).values(row).returning({ id: invites.id }));
    await database.insert(inviteWorkspaces).values({ organizationId, inviteId, workspaceId, role: 'EDITOR' });
    await grantToken(unit, 'INVITE', { organizationId, userId: null, subjectId: inviteId }, expiresAt);
    unit.record({ action: 'invite.created', type: 'Invite', id: inviteId, data: { email, role: 'MEMBER' } });
  });

/** Brings in the pages of the guide that are not there yet. */
const addGuide = async (context: Context, workspaceId: string): Promise<void> => {
  const present = await documentList(context.unit, { first: 100 }, workspaceId);
  const titles = new Set(present.edges.map(({ node }) => node.title));
  await context.unit.rest();
  for (const file of globSync('*.md', { cwd: guide }).sort()) {
    const text = await readFile(`${guide}/${file}`, 'utf8');
    const title = /^# (.+)$/m.exec(text)?.[1] ?? file;
    if (!titles.has(title)) await addDocument(context, { workspaceId, title, text, mimeType: 'text/markdown' });
  }
};
