import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Viewer } from '../context.ts';
import { decisionIn } from '../permissions.ts';
import type { Services } from '../services.ts';
import { discovery, scopeOf, viewerOfCredential } from '../tenancy/viewers.ts';
import { RunStopped } from './agent-failure.ts';
import { agentRulesByWorkspace, usualRules } from './agent-settings.ts';
import type { AgentInvocationRow, AgentSettingsRow } from './agent-tables.ts';
import { conversationById } from './loaders.ts';

/** For whom a run acts at this moment, what they see, and what the workspace lets agents do. */
export interface Actor {
  readonly viewer: Viewer;
  readonly unit: UnitOfWork;
  readonly rules: AgentSettingsRow;
}

const kinds = ['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY'] as const;

/**
 * Looks up anew for whom a run acts, by the credential it was started with; the unit holds no connection afterwards. Throws RunStopped when
 * the credential has ended, or its user may no longer run agents or write in the conversation.
 */
export const actorOf = async (services: Services, unit: UnitOfWork, run: AgentInvocationRow): Promise<Actor> => {
  const { organizationId, userId, workspaceId, conversationId, credentialId: id } = run;
  const kind = kinds.find((each) => each === run.credentialKind);
  if (userId === null || kind === undefined) throw lost('The person whom this run acted for has left.');
  const looking = unit.as(discovery(organizationId, userId));
  const viewer = await viewerOfCredential(looking, { kind, id, organizationId, userId }, services.settings.sessions);
  await looking.rest();
  if (viewer === null) throw lost('The sign-in or key that this run acted by has ended.');
  for (const permission of ['AGENT_RUN', 'CONVERSATION_WRITE'] as const)
    if (!decisionIn(viewer, permission, workspaceId).allowed)
      throw lost(`The person whom this run acted for no longer has the permission ${permission} here.`);
  if (viewer.archivedWorkspaces.has(workspaceId)) throw lost('This workspace is archived: nothing in it changes.');
  const acting = unit.as(scopeOf(viewer));
  const [conversation, rules] = await Promise.all([
    conversationById(acting).load(conversationId),
    agentRulesByWorkspace(acting).load(workspaceId),
  ]);
  await acting.rest();
  if (conversation === null) throw lost('The person whom this run acted for no longer sees the conversation.');
  return { viewer, unit: acting, rules: rules ?? usualRules(workspaceId) };
};

const lost = (message: string) => new RunStopped('RIGHTS_LOST', message);
