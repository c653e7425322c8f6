import { z } from 'zod';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { cancelAgentRun, decideToolCall } from '../agent-decisions.ts';
import {
  agentInvocationById,
  agentInvocationByMessage,
  agentInvocationsByConversation,
  agentStepsByInvocation,
  agentToolCallById,
  agentToolCallsByStep,
  agentToolResultById,
} from '../agent-loaders.ts';
import { agentRulesByWorkspace, offersOf, updateAgentSettings, usualRules } from '../agent-settings.ts';
import { runAgent } from '../agent-starting.ts';
import { agentEvents } from '../agent-stream.ts';
import type { AgentInvocationRow } from '../agent-tables.ts';
import { conversationById, messageById } from '../loaders.ts';

export const resolvers: Resolvers = {
  Query: {
    agentTools: async (_root, { workspaceId }, context) => {
      const { unit, services } = context;
      await found('Workspace', workspaceId, workspaceById(unit));
      const rules = (await agentRulesByWorkspace(unit).load(workspaceId)) ?? usualRules(workspaceId);
      const offers = offersOf(services.tools, rules, viewerOf(context)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return offers.flatMap(({ name, withheld }) => {
        const tool = services.tools[name];
        if (tool === undefined) return [];
        const { description, changes, permission, input } = tool;
        return [
          { name, description, changes, permission, parameters: z.toJSONSchema(input, { io: 'input' }), withheld },
        ];
      });
    },
  },
  Mutation: {
    startAgentRun: (_root, { input: { wait, ...input } }, context) => runAgent(context, input, wait === true),
    approveToolCall: (_root, { input }, context) => decideToolCall(context, input.callId, input.approved),
    cancelAgentRun: async (_root, { input }, context) => ({
      invocation: await cancelAgentRun(context, input.invocationId),
    }),
    updateAgentSettings: async (_root, { input }, context) => ({
      agentSettings: await updateAgentSettings(context, input),
    }),
  },
  Subscription: {
    agentEvents: { subscribe: (_root, { invocationId }, context) => agentEvents(context, invocationId) },
  },
  Workspace: {
    agentSettings: async ({ id }, _args, { unit }) => (await agentRulesByWorkspace(unit).load(id)) ?? usualRules(id),
  },
  Conversation: {
    agentInvocations: (conversation, args, { unit }) =>
      agentInvocationsByConversation<AgentInvocationRow>(unit, args, conversation.id),
  },
  Message: {
    agentInvocation: ({ id }, _args, { unit }) => agentInvocationByMessage(unit).load(id),
  },
  AgentInvocation: {
    user: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
    message: ({ messageId }, _args, { unit }) => found('Message', messageId, messageById(unit)),
    conversation: ({ conversationId }, _args, { unit }) =>
      found('Conversation', conversationId, conversationById(unit)),
    stepCount: ({ steps }) => steps,
    error: ({ errorCode, errorMessage }) =>
      errorCode === null ? null : { reason: errorCode, message: errorMessage ?? '' },
    steps: ({ id }, _args, { unit }) => agentStepsByInvocation(unit).load(id),
  },
  AgentStep: {
    calls: ({ id }, _args, { unit }) => agentToolCallsByStep(unit).load(id),
  },
  AgentToolCall: {
    result: async ({ id }, _args, { unit }) => (await agentToolResultById(unit).load(id))?.result ?? null,
    decidedBy: ({ decidedById }, _args, { unit }) =>
      decidedById === null ? null : memberUserById(unit).load(decidedById),
    invocation: ({ invocationId }, _args, { unit }) =>
      found('AgentInvocation', invocationId, agentInvocationById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { AgentInvocation: agentInvocationById, AgentToolCall: agentToolCallById };
