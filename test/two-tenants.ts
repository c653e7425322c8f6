import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { startSession } from '../src/domains/identity/operations.ts';
import { memberships, workspaceMemberships } from '../src/domains/tenancy/tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { globalId } from '../src/ids.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { Person, type Testbed } from './testbed.ts';

/** A word that everything of the owner holds and nothing else does. */
export const secret = 'Quagmirian';

export interface Cast {
  /** Holds an organization in which everything is filled, and manages the platform. */
  readonly owner: Awaited<ReturnType<Testbed['signUp']>>;
  /** Holds another organization. */
  readonly stranger: Awaited<ReturnType<Testbed['signUp']>>;
  /** A MEMBER of the owner's organization who belongs to another workspace than the filled one. */
  readonly neighbour: Person;
  readonly neighbourWorkspace: string;
  /** One id of each Node type, by the type's name, all in the owner's workspace; and one of each that nobody needs any more. */
  readonly ids: Readonly<Record<string, string>>;
}

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** Two organizations, in one of them two workspaces, and everything that a workspace can hold. */
export const castOf = async (bed: Testbed): Promise<Cast> => {
  const [owner, stranger, guest] = [
    await bed.signUp(`${secret}Owner`),
    await bed.signUp('Stranger'),
    await bed.signUp('Neighbour'),
  ];
  await promote(bed, owner);
  const Workspace = await workspaceOf(owner, { name: `${secret} One` });
  const neighbourWorkspace = await workspaceOf(owner, { name: 'Two' });
  const neighbour = await joined(bed, owner.organizationId, guest.userId, neighbourWorkspace);
  const strangeWorkspace = await workspaceOf(stranger, { name: 'Strange' });
  await conversationIn(stranger, strangeWorkspace);
  const ids = await filled(bed, owner, Workspace);
  await quiet(bed, owner.organizationId);
  return {
    owner,
    stranger,
    neighbour,
    neighbourWorkspace,
    ids: { ...ids, Workspace, User: owner.userId, Organization: owner.organizationId },
  };
};

/** Makes somebody a member with a session in the organization: there is no invitation that does it. */
const joined = async (bed: Testbed, organization: string, user: string, workspace: string): Promise<Person> => {
  const [organizationId, userId, workspaceId] = [uuidOf(organization), uuidOf(user), uuidOf(workspace)];
  await unitOf(bed, organization).transact(async () => {
    await database.insert(memberships).values({ organizationId, userId, role: 'MEMBER' });
    await database.insert(workspaceMemberships).values({ organizationId, userId, workspaceId, role: 'EDITOR' });
  });
  const origin = { requestId: 'test', address: null, userAgent: null };
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...bed.server.installation.services, origin });
  const { token } = await startSession(unit, bed.server.installation.services.settings.sessions);
  return new Person(bed, token);
};

const filled = async (bed: Testbed, owner: Cast['owner'], workspaceId: string): Promise<Record<string, string>> => {
  const text = `${secret} roses are watered every three days in summer. ${secret} tulips are planted in October.`;
  const want = async (query: string, input?: object): Promise<Data> =>
    owner.want(query, input === undefined ? {} : { input });
  const document = (title: string, fields: object): Promise<Data> =>
    want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status chunks(first: 1) { edges { node { id } } } } } }',
      { workspaceId, title: `${secret} ${title}`, wait: true, ...fields },
    );
  const added = (await document('book', { text })).addDocument.document;
  const bytes = Buffer.from(text);
  const { upload, file } = (
    await want(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url method headers } file { id } } }',
      { name: `${secret}.txt`, size: bytes.length, mimeType: 'text/plain' },
    )
  ).createUpload;
  const sent = await fetch(new URL(upload.url, bed.url), {
    method: upload.method,
    headers: upload.headers,
    body: bytes,
  });
  if (!sent.ok) throw new Error(`The upload was refused: ${sent.status} ${await sent.text()}`);
  await document('file', { fileId: file.id });

  const Conversation = await conversationIn(owner, workspaceId);
  const { answer } = (
    await want('mutation ($input: AskInput!) { ask(input: $input) { answer { id citations { id } } } }', {
      conversationId: Conversation,
      text: `How often are ${secret} roses watered in summer?`,
    })
  ).ask;
  const { feedback } = (
    await want('mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id } } }', {
      messageId: answer.id,
      score: 1,
      comment: `${secret} is right`,
    })
  ).giveFeedback;
  const { provider } = (
    await want('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }', {
      name: 'Example',
      slug: 'example',
      dialect: 'OPENAI',
    })
  ).createProvider;
  const { model } = (
    await want('mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }', {
      providerId: provider.id,
      name: 'example',
      contextWindow: 8192,
    })
  ).createModel;
  const { providerKey } = (
    await want(
      'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
      { providerId: provider.id, label: `${secret} key`, key: `sk-${secret}-1234` },
    )
  ).createProviderKey;
  const { edges } = (await want('{ viewer { organization { members(first: 1) { edges { node { id } } } } } }')).viewer
    .organization.members;
  return {
    Document: added.id,
    DocumentChunk: added.chunks.edges[0].node.id,
    File: file.id,
    Conversation,
    Message: answer.id,
    Citation: answer.citations[0].id,
    Feedback: feedback.id,
    Provider: provider.id,
    Model: model.id,
    ProviderKey: providerKey.id,
    Membership: edges[0].node.id,
    Job: await jobOf(bed, owner.organizationId),
  };
};

const jobOf = async (bed: Testbed, organization: string): Promise<string> => {
  const unit = whole(bed, organization);
  const rows = await unit.run(() => database.execute<{ id: string }>(sql`select id from jobs order by id limit 1`));
  await unit.rest();
  return globalId('Job', rows[0]?.id ?? '');
};

/** A unit that sees all rows of an organization, those of its jobs and files too. */
const whole = (bed: Testbed, organization: string): UnitOfWork => {
  const organizationId = uuidOf(organization);
  const scope = { ...nowhere, organizationId, principals: [organizationId], workspaces: '*' as const };
  const origin = { requestId: 'test', address: null, userAgent: null };
  return new UnitOfWork(scope, { ...bed.server.installation.services, origin });
};

/** Waits until no background work of the organization is left. */
const quiet = async (bed: Testbed, organization: string): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    const unit = whole(bed, organization);
    const left = await unit.run(() => database.execute(sql`select from jobs where state in ('QUEUED', 'RUNNING')`));
    await unit.rest();
    if (left.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Background work did not end.');
};

/** Number and fingerprint of the organization's rows in every table of tenants. */
export const fingerprint = async (bed: Testbed, organization: string): Promise<Record<string, string>> => {
  const unit = whole(bed, organization);
  const tables = await unit.run(() =>
    database.execute<{ name: string }>(sql`select relname::text as name from pg_class
      where relnamespace = 'public'::regnamespace and relforcerowsecurity and relkind = 'r' order by relname`),
  );
  const prints: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await unit.run(() =>
      database.execute<{ print: string }>(
        sql.raw(
          `select count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as print from ${name} t`,
        ),
      ),
    );
    prints[name] = row?.print ?? '';
  }
  await unit.rest();
  return prints;
};
