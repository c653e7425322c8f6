import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { uuidOf } from './talk.ts';
import { Person, type Testbed } from './testbed.ts';

/** Somebody who is signed in, with what they signed in with. */
export type Colleague = Person & {
  readonly email: string;
  readonly userId: string;
  readonly membershipId: string;
  readonly organizationId: string;
};

export const password = 'correct horse battery';

const inviteMutation = 'mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { invite { id } code } }';
const claimMutation =
  'mutation ($input: ClaimInviteInput!) { claimInvite(input: $input) { token user { id } organization { id } membership { id } } }';

/** Makes a new account join the organization of an owner or administrator. */
export const join = async (
  bed: Testbed,
  host: Person,
  role: string,
  { name = 'Colleague', workspaceIds = [] }: { name?: string; workspaceIds?: readonly string[] } = {},
): Promise<Colleague> => {
  const email = `${name.toLowerCase()}-${randomUUID()}@example.com`;
  const { inviteMember }: { inviteMember: { code: string } } = await host.want(inviteMutation, {
    input: { email, role, workspaceIds },
  });
  const input = { code: inviteMember.code, name, email, password };
  const {
    claimInvite: { token, user, organization, membership },
  }: {
    claimInvite: {
      token: string;
      user: { id: string };
      organization: { id: string };
      membership: { id: string };
    };
  } = await bed.anonymous.want(claimMutation, { input });
  return Object.assign(new Person(bed, token), {
    email,
    userId: user.id,
    membershipId: membership.id,
    organizationId: organization.id,
  });
};

/** Makes somebody another owner beside the first. */
export const joinAsOwner = async (bed: Testbed, owner: Person, name = 'Second'): Promise<Colleague> => {
  const second = await join(bed, owner, 'ADMIN', { name });
  await owner.want(
    'mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { membership { id } } }',
    {
      input: { userId: second.userId, role: 'OWNER' },
    },
  );
  return second;
};

/** A unit that sees everything of an organization, as one of its users. */
export const insightOf = (bed: Testbed, organizationId: string, userId: string): UnitOfWork =>
  new UnitOfWork(discovery(uuidOf(organizationId), uuidOf(userId)), {
    ...bed.server.installation.services,
    origin: { requestId: 'test', address: null, userAgent: null },
  });

/** The newest events of an organization: what was done, by whom, to what. */
export const eventsOf = async (
  bed: Testbed,
  organizationId: string,
  action: string,
): Promise<{ actor: string | null; target: string; data: Record<string, unknown> }[]> => {
  // Jobs and administrators read the log by the organization's own principal.
  const unit = insightOf(bed, organizationId, organizationId);
  const rows = await unit.run(() =>
    database.execute<{ actor_id: string | null; target_id: string; data: Record<string, unknown> }>(
      sql`select actor_id, target_id, data from events where organization_id = ${uuidOf(organizationId)} and action = ${action} order by id desc`,
    ),
  );
  await unit.rest();
  return [...rows].map(({ actor_id: actor, target_id: target, data }) => ({ actor, target, data }));
};
