import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { promptRuns, prompts, promptSessions } from '../../src/domains/modelhub/prompt-tables.ts';
import { globalId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';
import { secret, whole } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

/** Members who see the workspace that the session is shared with. */
const byReaders: Fixture['gets'] = { ...inWorkspace, guest: 'FORBIDDEN' };
/** Who made the session, and administrators. */
const byMakers: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  neighbour: 'NOT_FOUND',
  admin: 'data',
  owner: 'data',
  key: 'data',
};
/** Every member, about what is their own. */
const byMembers: Fixture['gets'] = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
};

/** A session of the owner that is shared with the workspace, with a run of which nobody is at work; written past the API, which makes none. */
export const planted =
  (fields: Partial<typeof promptSessions.$inferInsert> = {}): NonNullable<Fixture['target']> =>
  async (_owner, ids, bed) => {
    const id = (name: string): string => uuidOf(String(ids[name]));
    const [organizationId, creatorId] = [id('Organization'), id('User')];
    const readers = [organizationId, creatorId, id('Workspace')];
    return whole(bed, String(ids.Organization)).transact(async () => {
      const row = { organizationId, readers, creatorId, title: `${secret} session`, ...fields };
      const { id: sessionId } = sole(await database.insert(promptSessions).values(row).returning());
      const asked = { organizationId, readers, sessionId, userId: creatorId, input: secret };
      const { id: promptId } = sole(await database.insert(prompts).values(asked).returning());
      const names = { modelName: 'example', providerName: 'Example' };
      const run = { organizationId, readers, sessionId, promptId, position: 0, ...names };
      const made = sole(await database.insert(promptRuns).values(run).returning());
      return { Session: globalId('PromptSession', sessionId), Run: globalId('PromptRun', made.id) };
    });
  };

/** Prompt sessions and what is run in them. */
export const fixtures: Fixtures = {
  queries: {
    promptSessions: {
      gets: { ...byMembers, stranger: 'own', platformAdmin: 'own', neighbour: 'own' },
      field: 'promptSessions(first: 100) { totalCount edges { node { title } } }',
    },
    promptSession: { gets: byReaders, field: 'promptSession(id: $PromptSession) { title prompt }' },
  },
  mutations: {
    createPromptSession: {
      gets: byMembers,
      field: 'createPromptSession(input: { title: "x" }) { promptSession { id } }',
      shows: /prompt_session_/,
    },
    updatePromptSession: {
      gets: byMakers,
      field: 'updatePromptSession(input: { id: $Session, version: 1, description: "x" }) { promptSession { title } }',
      target: planted(),
    },
    duplicatePromptSession: {
      gets: byReaders,
      field: 'duplicatePromptSession(input: { id: $PromptSession }) { promptSession { title } }',
    },
    archivePromptSession: {
      gets: byMakers,
      field: 'archivePromptSession(input: { id: $Session }) { promptSession { title } }',
      target: planted(),
    },
    restorePromptSession: {
      gets: byMakers,
      field: 'restorePromptSession(input: { id: $Session }) { promptSession { title } }',
      target: planted({ status: 'ARCHIVED', archivedAt: '2026-01-01T00:00:00Z' }),
    },
    deletePromptSession: {
      gets: byMakers,
      field: 'deletePromptSession(input: { id: $Session }) { deletedId }',
      shows: /prompt_session_/,
      target: planted(),
    },
    sharePromptSession: {
      gets: byMakers,
      field: 'sharePromptSession(input: { id: $Session, shareWith: {} }) { promptSession { title } }',
      target: planted(),
    },
    runPrompt: {
      gets: byReaders,
      field: 'runPrompt(input: { sessionId: $PromptSession, input: "x", wait: true }) { prompt { session { title } } }',
    },
    cancelPromptRun: {
      gets: byMakers,
      field: 'cancelPromptRun(input: { id: $Run }) { promptRun { prompt { input } } }',
      target: planted(),
    },
  },
  subscriptions: {
    promptRunStream: {
      gets: byReaders,
      field:
        'promptRunStream(promptId: $Prompt) { ... on PromptRunDelta { runId } ... on PromptRunEnded { run { id } } }',
      shows: /prompt_run_/,
    },
  },
  connections: {
    'PromptSession.prompts': { gets: byReaders },
  },
};
