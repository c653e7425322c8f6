import { randomUUID } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { allMigrations } from '../../src/database/migrations.ts';
import { sole } from '../../src/database/rows.ts';
import { UnitOfWork, wholeOf } from '../../src/database/unit-of-work.ts';
import type { OrganizationRole, WorkspaceRole } from '../../src/domains/context.ts';
import type { Permission } from '../../src/generated/resolvers.ts';
import { allPermissions, permissionRules } from '../../src/domains/permissions.ts';
import { startSession } from '../../src/domains/identity/operations.ts';
import { grantToken } from '../../src/domains/identity/tokens.ts';
import { accessTokens, sessions, users } from '../../src/domains/identity/tables.ts';
import { apiKeys, memberships, userOrganizations, workspaceMemberships } from '../../src/domains/tenancy/tables.ts';
import { discovery } from '../../src/domains/tenancy/viewers.ts';
import { globalId } from '../../src/ids.ts';
import { emailBy, parties } from '../mailboxes.ts';
import { apiKeyOf, deviceOf, extensionKeyOf } from '../machines.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from '../talk.ts';
import { Person, type Testbed } from '../testbed.ts';
import { filledApis } from './api-fields.ts';
import { filledActivity } from './filled-activity.ts';
import { filledAgents } from './filled-agents.ts';
import { filledCache } from './filled-cache.ts';
import { filledEmbed } from './filled-embed.ts';
import { filledEvents } from './filled-events.ts';
import { filledMetrics } from './filled-metrics.ts';
import { filledRooms } from './filled-rooms.ts';
import { filledJobSchedule } from './filled-job-schedules.ts';
import { filledKnowledge } from './filled-knowledge.ts';
import { filledOrders } from './filled-orders.ts';
import { filledProjectEnds } from './filled-project-ends.ts';
import { filledProjects } from './filled-projects.ts';
import { filledStudio } from './filled-studio.ts';
import { filledSync } from './filled-sync.ts';
import { filledTemplates } from './filled-templates.ts';
import { filledWebhook } from './filled-webhooks.ts';
import { filledTraining } from './filled-training.ts';
import type { Caller } from './fixture.ts';

/** A word that everything of the organization holds and nothing else does. */
export const secret = 'Quagmirian';

/** A word that only a document of the filled workspace holds which is narrowed: `mayReadNarrowed` may read it. */
export const hidden = 'Zephyrine';
/** The one named, who narrowed it, and administrators. */
export const mayReadNarrowed: ReadonlySet<Caller> = new Set(['viewer', 'owner', 'admin', 'key']);

type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

export interface Cast {
  /** Everybody who asks. The owner's organization holds one workspace in which everything is filled, and another one. */
  readonly people: Readonly<Record<Caller, Person>>;
  readonly bed: Testbed;
  readonly owner: SignedUp;
  readonly stranger: SignedUp;
  readonly otherWorkspace: string;
  /** One id of each Node type, by the type's name, all in the filled workspace; and what fixtures need besides. */
  readonly ids: Readonly<Record<string, string>>;
}

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** Two organizations and the installation's administrator; in one of them two workspaces, members of all roles and everything that a workspace can hold. */
export const castOf = async (bed: Testbed): Promise<Cast> => {
  const owner = await bed.signUp(`${secret}Owner`);
  const stranger = await bed.signUp('Stranger');
  const platformAdmin = await bed.signUp('Platform');
  await promote(bed, platformAdmin, 'SUPERADMIN');
  const Workspace = await workspaceOf(owner, { name: `${secret} One` });
  const otherWorkspace = await workspaceOf(owner, { name: 'Two' });
  const join = (
    name: string,
    role: OrganizationRole,
    workspace: string | null,
    workspaceRole: WorkspaceRole = 'VIEWER',
  ) => joined(bed, owner.organizationId, name, role, workspace, workspaceRole);
  const suspended = await join('Suspended', 'MEMBER', Workspace, 'EDITOR');
  const viewer = await join('Viewer', 'MEMBER', Workspace, 'VIEWER');
  const members = {
    guest: await join('Guest', 'GUEST', Workspace, 'VIEWER'),
    neighbour: await join('Neighbour', 'MEMBER', otherWorkspace, 'EDITOR'),
    viewer,
    editor: await join('Editor', 'MEMBER', Workspace, 'EDITOR'),
    workspaceAdmin: await join('Steward', 'MEMBER', Workspace, 'ADMIN'),
    manager: await join('Manager', 'MANAGER', Workspace, 'EDITOR'),
    admin: await join('Admin', 'ADMIN', null),
    suspended,
  };
  const expired = await expiredSession(bed, owner);
  const strangeWorkspace = await workspaceOf(stranger, { name: 'Strange' });
  await conversationIn(stranger, strangeWorkspace);
  const ids = await filled(bed, owner, platformAdmin, Workspace);
  const userIds = { Guest: members.guest.userId, Viewer: viewer.userId, Editor: members.editor.userId };
  const office = await officeDocumentOf(owner, userIds);
  const rooms = await filledRooms(owner, Workspace, members.guest.userId, secret);
  const ends = await filledProjectEnds(owner, { ...ids, ...rooms }, secret);
  const Narrowed = await narrowedDocument(owner, Workspace, viewer.userId);
  await owner.want(`{ search(workspaceId: "${Workspace}", query: "${secret}") { edges { score } } }`);
  await bed.server.installation.services.searches.flush();
  const { key, keyWithoutScope } = await keysOf(bed, owner);
  const Session = await sessionOf(owner);
  await quiet(bed, owner.organizationId);
  const forSuspension = uuidOf(suspended.userId);
  await unitOf(bed, null).transact(() =>
    database
      .update(users)
      .set({ suspendedAt: sql`now()` })
      .where(eq(users.id, forSuspension)),
  );
  bed.server.installation.services.viewers.forgetAll();
  return {
    bed,
    owner,
    stranger,
    otherWorkspace,
    people: { anonymous: bed.anonymous, stranger, platformAdmin, owner, expired, key, keyWithoutScope, ...members },
    ids: {
      ...ids,
      ...office,
      ...rooms,
      ...ends,
      ...userIds,
      Workspace,
      Narrowed,
      OtherWorkspace: otherWorkspace,
      User: owner.userId,
      OwnerEmail: owner.email,
      Session,
      Organization: owner.organizationId,
    },
  };
};

/** The same with other people of the same roles, for what those who ask do not outlive. */
export const withStandIns = async (cast: Cast): Promise<Cast> => {
  const { bed, owner, people } = cast;
  const stranger = await bed.signUp('Stranger');
  const platformAdmin = await bed.signUp('Platform');
  await promote(bed, platformAdmin, 'SUPERADMIN');
  const roles: Partial<Record<Caller, OrganizationRole>> = {
    guest: 'GUEST',
    neighbour: 'MEMBER',
    viewer: 'MEMBER',
    editor: 'MEMBER',
    workspaceAdmin: 'MEMBER',
    manager: 'MANAGER',
    admin: 'ADMIN',
    owner: 'OWNER',
  };
  const members: Partial<Record<Caller, SignedUp>> = {};
  for (const [caller, role] of Object.entries(roles))
    members[caller as Caller] = await joined(bed, owner.organizationId, caller, role, null, 'VIEWER');
  return { ...cast, owner: members.owner ?? owner, people: { ...people, stranger, platformAdmin, ...members } };
};

const origin = { requestId: 'test', address: null, userAgent: null };

/** Signs somebody up and makes them a member with a session in the organization. */
export const joined = async (
  bed: Testbed,
  organization: string,
  name: string,
  role: OrganizationRole,
  workspace: string | null,
  workspaceRole: WorkspaceRole,
): Promise<SignedUp> => {
  const person = await bed.signUp(name);
  const [organizationId, userId] = [uuidOf(organization), uuidOf(person.userId)];
  await unitOf(bed, organization).transact(async () => {
    await database.insert(memberships).values({ organizationId, userId, role });
    await database.insert(userOrganizations).values({ organizationId, userId });
    if (workspace !== null)
      await database
        .insert(workspaceMemberships)
        .values({ organizationId, userId, workspaceId: uuidOf(workspace), role: workspaceRole });
  });
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...bed.server.installation.services, origin });
  const { token } = await startSession(unit, bed.server.installation.services.settings.sessions);
  const { email, userId: id } = person;
  return Object.assign(new Person(bed, token), { email, userId: id, organizationId: organization });
};

/** A document of a workspace that one member may read, and whoever may read all. */
const narrowedDocument = async (owner: Person, workspaceId: string, userId: string): Promise<string> => {
  const data: Data = await owner.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    {
      input: {
        workspaceId,
        title: `${hidden} comets`,
        text: `${hidden} comets return every seventy years.`,
        access: { kind: 'RESTRICTED', userIds: [userId] },
        wait: true,
      },
    },
  );
  return data.addDocument.document.id;
};

/** The session that somebody asks with. */
const sessionOf = async (person: Person): Promise<string> => {
  const { viewer }: Data = await person.want('{ viewer { account { sessions { edges { node { id current } } } } } }');
  const edges: { node: { id: string; current: boolean } }[] = viewer.account.sessions.edges;
  return edges.find(({ node }) => node.current)?.node.id ?? '';
};

/** A session of the owner whose time is over. */
const expiredSession = async (bed: Testbed, owner: SignedUp): Promise<Person> => {
  const [organizationId, userId] = [uuidOf(owner.organizationId), uuidOf(owner.userId)];
  const unit = new UnitOfWork(discovery(organizationId, userId), { ...bed.server.installation.services, origin });
  const { token, sessionId } = await startSession(unit, bed.server.installation.services.settings.sessions);
  const expiresAt = new Date(Date.now() - 1000).toISOString();
  await unit.transact(async () => {
    await database.update(sessions).set({ expiresAt }).where(eq(sessions.id, sessionId));
    await database.update(accessTokens).set({ expiresAt }).where(eq(accessTokens.subjectId, sessionId));
  });
  return new Person(bed, token);
};

const filled = async (
  bed: Testbed,
  owner: SignedUp,
  platformAdmin: Person,
  workspaceId: string,
): Promise<Record<string, string>> => {
  const text = `${secret} roses are watered every three days in summer. ${secret} tulips are planted in October.`;
  const want = async (query: string, input?: object): Promise<Data> =>
    owner.want(query, input === undefined ? {} : { input });
  const asPlatform = async (query: string, input: object): Promise<Data> => platformAdmin.want(query, { input });
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
  const letter = (await document('letter', { text: `${secret} lilies are white.`, tags: [secret] })).addDocument
    .document;
  const { versions } = (
    await want(
      'mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { versions { edges { node { id } } } } } }',
      { id: letter.id, text: `${secret} lilies are yellow.`, wait: true },
    )
  ).updateDocument.document;

  const Conversation = await conversationIn(owner, workspaceId);
  const { answer } = (
    await want('mutation ($input: AskInput!) { ask(input: $input) { answer { id citations { id } } } }', {
      conversationId: Conversation,
      text: `How often are ${secret} roses watered in summer?`,
    })
  ).ask;
  const { parsedFile } = (
    await want('mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { id } } }', {
      conversationId: Conversation,
      fileId: file.id,
      wait: true,
    })
  ).addParsedFile;
  const { feedback } = (
    await want('mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id } } }', {
      messageId: answer.id,
      score: 1,
      comment: `${secret} is right`,
    })
  ).giveFeedback;
  const { share, token: ShareToken } = (
    await want(
      'mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { token share { id } } }',
      { conversationId: Conversation },
    )
  ).shareConversation;
  const { provider } = (
    await asPlatform('mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }', {
      name: 'Example',
      slug: 'example',
      dialect: 'OPENAI',
    })
  ).createProvider;
  const { model } = (
    await asPlatform('mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }', {
      providerId: provider.id,
      name: 'example',
      contextWindow: 8192,
    })
  ).createModel;
  const { price } = (
    await asPlatform('mutation ($input: SetModelPriceInput!) { setModelPrice(input: $input) { price { id } } }', {
      modelId: model.id,
      inputPrice: '0.000001',
    })
  ).setModelPrice;
  const { providerKey } = (
    await want(
      'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
      { providerId: provider.id, label: `${secret} key`, key: `sk-${secret}-1234` },
    )
  ).createProviderKey;
  const { budget } = (
    await want('mutation ($input: CreateBudgetInput!) { createBudget(input: $input) { budget { id } } }', {
      subjectId: workspaceId,
      measure: 'COST',
      window: 'MONTH',
      limit: '12345.5',
    })
  ).createBudget;
  const { model: agent } = (
    await asPlatform('mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }', {
      providerId: provider.id,
      name: 'agent',
      contextWindow: 8192,
      capabilities: ['TOOLS'],
      inputPrice: '0.000001',
      outputPrice: '0.000001',
    })
  ).createModel;
  await want('mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }', {
    workspaceId,
    modelId: agent.id,
    purpose: 'AGENT',
  });
  const rule = { name: `${secret} rule`, enabled: false, models: [{ modelId: model.id }] };
  const { routingRule } = (
    await want(
      'mutation ($input: CreateRoutingRuleInput!) { createRoutingRule(input: $input) { routingRule { id } } }',
      rule,
    )
  ).createRoutingRule;
  const { organizationId, userId } = owner;
  const run = await filledAgents(bed, { organizationId, userId, workspaceId, conversationId: Conversation }, false);
  const { edges } = (await want('{ viewer { organization { members(first: 1) { edges { node { id } } } } } }')).viewer
    .organization.members;
  const belonging = (await want(`{ workspace(id: "${workspaceId}") { members(first: 1) { edges { node { id } } } } }`))
    .workspace.members.edges;
  const calls = (
    await want(`{ modelCalls(first: 1, filter: { workspaceId: { eq: "${workspaceId}" } }) { edges { node { id } } } }`)
  ).modelCalls.edges;
  return {
    ModelCall: calls[0].node.id,
    Document: added.id,
    DocumentChunk: added.chunks.edges[0].node.id,
    File: file.id,
    Versioned: letter.id,
    DocumentVersion: versions.edges[0].node.id,
    Conversation,
    Message: answer.id,
    Citation: answer.citations[0].id,
    Feedback: feedback.id,
    ConversationShare: share.id,
    ShareToken,
    ParsedFile: parsedFile.id,
    ...run,
    Provider: provider.id,
    Model: model.id,
    ModelPrice: price.id,
    ProviderKey: providerKey.id,
    Budget: budget.id,
    RoutingRule: routingRule.id,
    Membership: edges[0].node.id,
    WorkspaceMembership: belonging[0].node.id,
    Job: await jobOf(bed, owner.organizationId),
    ApiKey: (await apiKeyOf(owner, { label: `${secret} robot`, scopes: ['MODEL_READ'], workspaceIds: [workspaceId] }))
      .id,
    Device: await deviceOf(bed, owner, `${secret} phone`),
    BrowserExtensionKey: await extensionKeyOf(owner, `${secret} browser`),
    ...(await peopleOf(want, bed, workspaceId)),
    ...(await promptsOf(want, workspaceId)),
    ...(await filledStudio(owner, workspaceId, secret)),
    ...(await filledOrders(owner, Conversation, secret)),
    ...(await filledProjects(
      whole(bed, organizationId),
      owner,
      { workspaceId, Document: added.id, File: file.id },
      secret,
    )),
    ...(await filledKnowledge(bed, owner, { workspaceId, messageId: answer.id }, secret)),
    ...(await filledTemplates(owner, workspaceId, secret)),
    ...(await filledTraining(owner, secret)),
    ...(await filledActivity(whole(bed, owner.organizationId), owner, secret)),
    ...(await filledEvents(owner, workspaceId, secret)),
    ...(await filledSync(bed, owner, workspaceId, secret)),
    ...(await filledEmbed(bed, owner, workspaceId, secret)),
    ...(await filledWebhook(bed, owner, workspaceId, secret)),
    ...(await filledJobSchedule(owner, workspaceId, secret)),
    ...(await filledCache(owner, workspaceId, secret)),
    ...(await mailboxOf(owner)),
    ...(await filledApis(owner, `${secret} customers`)),
    ...(await filledMetrics(bed, organizationId, workspaceId)),
  };
};

/** A command and a variable of the organization, messages to begin with, and a system prompt that took another's place. */
const promptsOf = async (
  want: (query: string, input?: object) => Promise<Data>,
  workspaceId: string,
): Promise<Record<string, string>> => {
  const made = async (name: string, input: object): Promise<string> => {
    const field = name[0]?.toLowerCase() + name.slice(1);
    const data = await want(
      `mutation ($input: Create${name}Input!) { create${name}(input: $input) { ${field} { id } } }`,
      input,
    );
    return data[`create${name}`][field].id;
  };
  for (const systemPrompt of [`${secret} prompts are long.`, `${secret} prompts are short.`])
    await want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
      id: workspaceId,
      systemPrompt,
    });
  return {
    SlashCommand: await made('SlashCommand', { command: 'secret', prompt: `${secret} command`, shared: true }),
    PromptVariable: await made('PromptVariable', { type: 'STATIC', key: 'secret', value: `${secret} value` }),
    SuggestedMessage: await made('SuggestedMessage', { workspaceId, heading: secret, message: `${secret}?` }),
    WelcomeMessage: await made('WelcomeMessage', { question: `${secret}?`, answer: secret }),
  };
};

/** An e-mail of the owner to themselves, and a key of a mail server. */
const mailboxOf = async (owner: SignedUp): Promise<Record<string, string>> => {
  const { id, thread } = await emailBy(owner, 'sendEmail', {
    to: parties(owner.email),
    subject: `${secret} minutes`,
    text: `${secret} minutes of the meeting.`,
  });
  const { createInboundEmailSource }: Data = await owner.want(
    `mutation { createInboundEmailSource(input: { label: "${secret} relay" }) { source { id } } }`,
  );
  return { Email: id, EmailThread: thread.id, InboundEmailSource: createInboundEmailSource.source.id };
};

/**
 * An office document of the owner in two versions, shared with the guest to be read, with the viewer to be commented on and with the editor to be
 * changed, and a comment of the owner about it.
 */
export const officeDocumentOf = async (
  owner: Person,
  { Guest, Viewer, Editor }: Readonly<Record<string, string>>,
): Promise<Record<string, string>> => {
  const want = async (query: string, input: object): Promise<Data> => owner.want(query, { input });
  const { officeDocument: document } = (
    await want(
      'mutation ($input: CreateOfficeDocumentInput!) { createOfficeDocument(input: $input) { officeDocument { id } } }',
      { kind: 'WORD', title: `${secret} plan`, content: { text: 'empty' } },
    )
  ).createOfficeDocument;
  const { versions } = (
    await want(
      'mutation ($input: SaveOfficeDocumentInput!) { saveOfficeDocument(input: $input) { officeDocument { versions(first: 1) { edges { node { id } } } } } }',
      { id: document.id, baseVersion: 1, content: { text: secret } },
    )
  ).saveOfficeDocument.officeDocument;
  const shareWith = async (userId: string | undefined, level: string): Promise<string> =>
    (
      await want(
        'mutation ($input: ShareOfficeDocumentInput!) { shareOfficeDocument(input: $input) { share { id } } }',
        { id: document.id, userId, level },
      )
    ).shareOfficeDocument.share.id;
  const share = await shareWith(Guest, 'VIEW');
  await shareWith(Viewer, 'COMMENT');
  await shareWith(Editor, 'EDIT');
  const { comment } = (
    await want(
      'mutation ($input: AddOfficeDocumentCommentInput!) { addOfficeDocumentComment(input: $input) { comment { id } } }',
      { id: document.id, text: `${secret}?` },
    )
  ).addOfficeDocumentComment;
  return {
    OfficeDocument: document.id,
    OfficeDocumentVersion: versions.edges[0].node.id,
    OfficeDocumentShare: share,
    OfficeDocumentComment: comment.id,
  };
};

/** API keys of the owner: with every scope, and with one that shows nothing of the organization. */
const keysOf = async (bed: Testbed, owner: SignedUp): Promise<{ key: Person; keyWithoutScope: Person }> => {
  const [organizationId, userId] = [uuidOf(owner.organizationId), uuidOf(owner.userId)];
  const unit = whole(bed, owner.organizationId);
  const keyWith = (label: string, scopes: Permission[]): Promise<Person> =>
    unit.transact(async () => {
      const row = {
        organizationId,
        userId,
        readers: [userId, organizationId],
        label,
        prefix: 'tsr_key_',
        scopes,
        allWorkspaces: true,
      };
      const { id } = sole(await database.insert(apiKeys).values(row).returning({ id: apiKeys.id }));
      const target = { organizationId, userId, subjectId: id };
      return new Person(bed, await grantToken(unit, 'API_KEY', target, new Date(Date.now() + 3_600_000)));
    });
  const all = allPermissions.filter((permission) => permissionRules[permission].personal !== true);
  return { key: await keyWith(`${secret} all`, all), keyWithoutScope: await keyWith(`${secret} none`, ['MODEL_READ']) };
};

/** A group with a member, an invite that somebody claimed, and a permission given by hand. */
const peopleOf = async (
  want: (query: string, input?: object) => Promise<Data>,
  bed: Testbed,
  workspaceId: string,
): Promise<Record<string, string>> => {
  const { invite, code } = (
    await want('mutation ($input: CreateInviteInput!) { createInvite(input: $input) { invite { id } code } }', {
      role: 'MEMBER',
      workspaceIds: [workspaceId],
      seats: 2,
    })
  ).createInvite;
  const claimant = {
    code,
    name: 'Claimant',
    email: `claimant-${randomUUID()}@example.com`,
    password: 'correct horse battery',
  };
  const claimed: Data = await bed.anonymous.want(
    'mutation ($input: ClaimInviteInput!) { claimInvite(input: $input) { user { id } } }',
    { input: claimant },
  );
  const userId = claimed.claimInvite.user.id;
  const { group } = (
    await want('mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }', {
      name: `${secret} group`,
    })
  ).createGroup;
  const added = (
    await want(
      'mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { members(first: 1) { edges { node { id } } } } } }',
      { groupId: group.id, userIds: [userId] },
    )
  ).addGroupMembers.group;
  const { userPermission } = (
    await want(
      'mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) { userPermission { id } } }',
      { userId, permission: 'MEMBER_INVITE', reason: secret },
    )
  ).grantPermission;
  const place = (
    await want(
      `{ viewer { organization { members(first: 1, filter: { userId: { eq: ${JSON.stringify(userId)} } }) { edges { node { id } } } } } }`,
    )
  ).viewer.organization.members.edges[0].node;
  return {
    Invite: invite.id,
    Group: group.id,
    GroupMembership: added.members.edges[0].node.id,
    UserPermission: userPermission.id,
    Membership: place.id,
  };
};

const jobOf = async (bed: Testbed, organization: string): Promise<string> => {
  const unit = whole(bed, organization);
  const rows = await unit.run(() =>
    database.execute<{ id: string }>(
      sql`select id from jobs where kind = 'content.ingest-document' order by id limit 1`,
    ),
  );
  await unit.rest();
  return globalId('Job', rows[0]?.id ?? '');
};

/** A unit that sees all rows of an organization, those of its jobs, files and rooms too. */
export const whole = (bed: Testbed, organization: string): UnitOfWork =>
  new UnitOfWork(wholeOf(uuidOf(organization)), { ...bed.server.installation.services, origin });

/** Kind of jobs that nobody works on. */
export const idleKind = 'access.idle';

/** Waits until no background work of the organization is left. */
export const quiet = async (bed: Testbed, organization: string): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    const unit = whole(bed, organization);
    const left = await unit.run(() =>
      database.execute(sql`select from jobs where state in ('QUEUED', 'RUNNING') and kind <> ${idleKind}`),
    );
    await unit.rest();
    if (left.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Background work did not end.');
};

/** Number and fingerprint of the organization's rows in every table of tenants. */
export const fingerprint = async (bed: Testbed, organization: string): Promise<Record<string, string>> => {
  const everything = whole(bed, organization);
  const prints: Record<string, string> = {};
  for (const { schema } of allMigrations) {
    const unit = everything.of(schema);
    const tables = await unit.run(() =>
      database.execute<{ name: string }>(sql`select oid::regclass::text as name from pg_class
        where relnamespace = ${schema}::regnamespace and relforcerowsecurity and relkind = 'r' order by relname`),
    );
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
  }
  await everything.rest();
  return prints;
};
