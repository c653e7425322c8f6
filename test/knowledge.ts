import postgres from 'postgres';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import type { Viewer } from '../src/domains/context.ts';
import type { Services } from '../src/domains/services.ts';
import { discovery, scopeOf, viewerOfMember } from '../src/domains/tenancy/viewers.ts';
import { eventsOf } from './colleagues.ts';
import { uuidOf } from './talk.ts';
import type { Person, startTestbed, Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const origin = { requestId: 'test', address: null, userAgent: null };

/** All that entries tell of themselves. */
export const entryFields = `id title content category subcategory tags status publishedAt active forVisitors version metadata
  group { name } createdBy { name } editedBy { name }`;

/** A mutation of the bank that gives an entry back. */
export const entryMutation = (name: string): string => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${type}!) { ${name}(input: $input) { entry { ${entryFields} } } }`;
};

/** Makes one of these mutations, which must succeed, and gives the entry. */
export const entryBy = async (person: Person, name: string, input: object): Promise<Data> => {
  const data: Data = await person.want(entryMutation(name), { input });
  return data[name].entry;
};

/** Writes an entry and gives it. */
export const entryOf = (person: Person, input: object = {}): Promise<Data> =>
  entryBy(person, 'createKnowledgeEntry', {
    title: 'Watering roses',
    content: 'Roses are watered twice a week.',
    category: 'Garden',
    ...input,
  });

/** What an operation was refused with. */
export const refusal = async (person: Person, name: string, input: object): Promise<Data> => {
  const { errors } = await person.ask(entryMutation(name), { input });
  return errors.map(({ extensions }) => extensions);
};

/** Makes a group with members and gives its id. */
export const groupOf = async (admin: Person, name: string, members: readonly { userId: string }[]): Promise<string> => {
  const { createGroup }: Data = await admin.want(
    'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
    { input: { name } },
  );
  const { id } = createGroup.group;
  if (members.length === 0) return id;
  const userIds = members.map(({ userId }) => userId);
  await admin.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
    input: { groupId: id, userIds },
  });
  return id;
};

/** The events of an action in the log of an organization, newest first, once those that wait in an outbox have been carried there. */
export const bankEventsOf = async (bed: Testbed, organizationId: string, action: string) => {
  await bed.server.installation.services.outbox?.carryAll(new AbortController().signal);
  return eventsOf(bed, organizationId, action);
};

/** A fresh unit of work of a member, as their requests have one, and who they are. */
export const meansOf = async (
  bed: Testbed,
  organization: string,
  user: string,
): Promise<() => { readonly unit: UnitOfWork; readonly viewer: Viewer; readonly services: Services }> => {
  const [organizationId, userId] = [uuidOf(organization), uuidOf(user)];
  const { services } = bed.server.installation;
  const looking = new UnitOfWork(discovery(organizationId, userId), { ...services, origin });
  const viewer = await viewerOfMember(looking, { organizationId, userId });
  await looking.rest();
  if (viewer === null) throw new Error('They are no member.');
  return () => ({ unit: new UnitOfWork(scopeOf(viewer), { ...services, origin }), viewer, services });
};

/** A connection to the bank as the owner of its tables; only with a database server. */
export const ownerOfBank = ({ database, ownerUrl }: Awaited<ReturnType<typeof startTestbed>>) =>
  postgres(database?.knowledge?.ownerUrl ?? ownerUrl ?? '', { max: 1, onnotice: () => undefined });
