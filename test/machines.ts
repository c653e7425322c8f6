import { and, eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import type { OrganizationRole, WorkspaceRole } from '../src/domains/context.ts';
import { startSession } from '../src/domains/identity/operations.ts';
import { memberships, userOrganizations, workspaceMemberships } from '../src/domains/tenancy/tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { uuidOf } from './talk.ts';
import { Person, type Answer, type Testbed } from './testbed.ts';

const origin = { requestId: 'test', address: null, userAgent: null };

/** A person's place in an organization. */
export interface Place {
  readonly userId: string;
  readonly organizationId: string;
}

/** A unit that sees all that is an organization's and all that is one person's own. */
export const unitOfAll = (bed: Testbed, { userId, organizationId }: Place): UnitOfWork => {
  const [user, organization] = [uuidOf(userId), uuidOf(organizationId)];
  return new UnitOfWork(
    { organizationId: organization, userId: user, principals: [user, organization], workspaces: '*' },
    { ...bed.server.installation.services, origin },
  );
};

/** Changes rows as no operation does, such as their times, and lets the next request look anew. */
export const tamper = async (bed: Testbed, place: Place, statement: ReturnType<typeof sql>): Promise<void> => {
  await unitOfAll(bed, place).transact(() => database.execute(statement));
  bed.server.installation.services.viewers.forgetAll();
};

/** Makes somebody who signed up for themselves a member of another organization, with a session there. */
export const memberOf = async (
  bed: Testbed,
  organization: string,
  role: OrganizationRole,
  places: readonly { readonly workspace: string; readonly role: WorkspaceRole }[] = [],
): Promise<Person & Place> => {
  const { userId } = await bed.signUp(role.toLowerCase());
  const [organizationId, user] = [uuidOf(organization), uuidOf(userId)];
  const { services } = bed.server.installation;
  const unit = new UnitOfWork(discovery(organizationId, user), { ...services, origin });
  await unit.transact(async () => {
    await database.insert(memberships).values({ organizationId, userId: user, role });
    await database.insert(userOrganizations).values({ organizationId, userId: user });
    for (const place of places)
      await database
        .insert(workspaceMemberships)
        .values({ organizationId, userId: user, workspaceId: uuidOf(place.workspace), role: place.role });
  });
  const { token } = await startSession(unit, services.settings.sessions);
  return Object.assign(new Person(bed, token), { userId, organizationId: organization });
};

/** Takes somebody out of an organization. */
export const removeMember = async (bed: Testbed, { userId, organizationId }: Place): Promise<void> => {
  const [user, organization] = [uuidOf(userId), uuidOf(organizationId)];
  await unitOfAll(bed, { userId, organizationId }).transact(async () => {
    await database
      .delete(memberships)
      .where(and(eq(memberships.userId, user), eq(memberships.organizationId, organization)));
    await database
      .delete(userOrganizations)
      .where(and(eq(userOrganizations.userId, user), eq(userOrganizations.organizationId, organization)));
  });
  bed.server.installation.services.viewers.forgetAll();
};

/** Names of all tables in which some row holds the text, as far as the organization's and the person's rows go. */
export const tablesHolding = async (bed: Testbed, place: Place, text: string): Promise<readonly string[]> => {
  const unit = unitOfAll(bed, place);
  const tables = await unit.run(() =>
    database.execute<{ name: string }>(sql`select c.oid::regclass::text as name from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
        and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') order by 1`),
  );
  const holding: string[] = [];
  for (const { name } of tables) {
    const [row] = await unit.run(() =>
      database.execute(sql`select from ${sql.raw(name)} t where strpos(t::text, ${text}) > 0 limit 1`),
    );
    if (row !== undefined) holding.push(name);
  }
  await unit.rest();
  return holding;
};

/** Who did what to what in an organization, oldest first. */
export const eventsOf = async (
  bed: Testbed,
  place: Place,
  actions: string,
): Promise<readonly { action: string; actor: string; target: string; address: string | null; data: object }[]> => {
  const unit = unitOfAll(bed, place);
  const rows = await unit.run(() =>
    database.execute<{ action: string; actor: string; target: string; address: string | null; data: object }>(
      sql`select action, actor_id as actor, target_id as target, address, data from events
        where action like ${actions} order by id`,
    ),
  );
  await unit.rest();
  return [...rows];
};

/** Code and field or permission of each error. */
export const faultsOf = ({ errors }: Answer): readonly (readonly unknown[])[] =>
  errors.map(({ extensions: { code, field, permission } }) => [code, field ?? permission]);

/** Makes an API key of a person and gives its id and secret. */
export const apiKeyOf = async (
  person: Person,
  input: object,
): Promise<{ readonly id: string; readonly secret: string }> => {
  const { createApiKey }: { createApiKey: { apiKey: { id: string }; secret: string } } = await person.want(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }',
    { input },
  );
  return { id: createApiKey.apiKey.id, secret: createApiKey.secret };
};

/** Makes a browser-extension key of a person and gives its id. */
export const extensionKeyOf = async (person: Person, label: string): Promise<string> => {
  const { createExtensionKey }: { createExtensionKey: { extensionKey: { id: string } } } = await person.want(
    'mutation ($label: String!) { createExtensionKey(input: { label: $label }) { extensionKey { id } } }',
    { label },
  );
  return createExtensionKey.extensionKey.id;
};

/** Begins to pair a device with a person's account and gives the token. */
export const pairingOf = async (person: Person): Promise<string> => {
  const { startDevicePairing }: { startDevicePairing: { token: string } } = await person.want(
    'mutation { startDevicePairing { token } }',
  );
  return startDevicePairing.token;
};

/** Pairs a device with a person's account, which waits for approval, and gives its id. */
export const deviceOf = async (bed: Testbed, person: Person, name: string): Promise<string> => {
  const { pairDevice }: { pairDevice: { deviceId: string } } = await bed.anonymous.want(
    'mutation ($input: PairDeviceInput!) { pairDevice(input: $input) { deviceId } }',
    { input: { token: await pairingOf(person), name, system: 'LINUX' } },
  );
  return pairDevice.deviceId;
};
