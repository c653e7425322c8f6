import type { Person, Testbed } from '../testbed.ts';
import { filledAgents } from './filled-agents.ts';
import { byEditors, byWorkspaceAdmins, inWorkspace, type Fixtures } from './fixture.ts';

/** A run of the owner that waits for two decisions. */
const waitingRun = (_owner: Person, ids: Readonly<Record<string, string>>, bed: Testbed) =>
  filledAgents(
    bed,
    {
      organizationId: String(ids.Organization),
      userId: String(ids.User),
      workspaceId: String(ids.Workspace),
      conversationId: String(ids.Conversation),
    },
    true,
  );

/** Runs of agents and what they may do. */
export const fixtures: Fixtures = {
  queries: {
    agentTools: {
      gets: inWorkspace,
      field: 'agentTools(workspaceId: $Workspace) { name withheld parameters }',
      shows: /search_workspace/,
    },
  },
  mutations: {
    // Without means, a run is over before the model is called.
    startAgentRun: {
      gets: { ...inWorkspace, guest: 'FORBIDDEN' },
      field: `startAgentRun(input: { conversationId: $Conversation, text: "Quagmirian?", maxCost: "0", wait: true }) {
        question { content } invocation { status error { reason } } }`,
      shows: /MAX_COST/,
    },
    // Others do not see what a run of the owner wants to do; her key acts for her.
    approveToolCall: {
      gets: {
        otherwise: 'NOT_FOUND',
        anonymous: 'UNAUTHENTICATED',
        guest: 'FORBIDDEN',
        keyWithoutScope: 'FORBIDDEN',
        owner: 'data',
        key: 'data',
      },
      field: 'approveToolCall(input: { callId: $AgentToolCall, approved: false }) { call { arguments status } }',
      target: waitingRun,
    },
    cancelAgentRun: {
      gets: byEditors,
      field: 'cancelAgentRun(input: { invocationId: $AgentInvocation }) { invocation { status } }',
      shows: /CANCELLED/,
      target: waitingRun,
    },
    updateAgentSettings: {
      gets: byWorkspaceAdmins,
      field:
        'updateAgentSettings(input: { workspaceId: $Workspace, allowedHosts: ["quagmirian.example"] }) { agentSettings { allowedHosts } }',
      shows: /quagmirian/,
    },
  },
  subscriptions: {
    agentEvents: {
      gets: inWorkspace,
      field: 'agentEvents(invocationId: $AgentInvocation) { __typename }',
      shows: /AgentRunEnded/,
    },
  },
  connections: {
    'Conversation.agentInvocations': { gets: inWorkspace },
  },
};
