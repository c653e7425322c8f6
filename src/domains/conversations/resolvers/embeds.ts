import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf, type Context } from '../../context.ts';
import { found } from '../../nodes.ts';
import { requirePermission } from '../../permissions.ts';
import { workspaceById } from '../../tenancy/loaders.ts';
import {
  embedConversationById,
  embedConversationsByWidget,
  embedWidgetById,
  embedWidgetsByWorkspace,
} from '../embed-loaders.ts';
import { createEmbedWidget, deleteEmbedWidget, snippetOf, switchEmbedWidget, updateEmbedWidget } from '../embeds.ts';
import { conversationById } from '../loaders.ts';

/** Reading what concerns visitors takes the workspace's admins. */
const requireManager = (context: Context, { workspaceId }: { readonly workspaceId: string }): void =>
  requirePermission(viewerOf(context), 'EMBED_MANAGE', workspaceId);

export const resolvers: Resolvers = {
  Query: {
    embedWidget: async (_root, { id }, context) => {
      const widget = await found('EmbedWidget', id, embedWidgetById(context.unit));
      requireManager(context, widget);
      return widget;
    },
  },
  Mutation: {
    createEmbedWidget: async (_root, { input }, context) => ({ embedWidget: await createEmbedWidget(context, input) }),
    updateEmbedWidget: async (_root, { input }, context) => ({ embedWidget: await updateEmbedWidget(context, input) }),
    enableEmbedWidget: async (_root, { input }, context) => ({
      embedWidget: await switchEmbedWidget(context, input.id, true),
    }),
    disableEmbedWidget: async (_root, { input }, context) => ({
      embedWidget: await switchEmbedWidget(context, input.id, false),
    }),
    deleteEmbedWidget: async (_root, { input }, context) => ({
      deletedId: globalId('EmbedWidget', await deleteEmbedWidget(context, input.id)),
    }),
  },
  Workspace: {
    embedWidgets: ({ id }, args, context) => {
      requireManager(context, { workspaceId: id });
      return embedWidgetsByWorkspace(context.unit, args, id);
    },
  },
  EmbedWidget: {
    snippet: (widget, _args, { services }) => snippetOf(services, widget),
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
    conversations: (widget, args, context) => {
      requireManager(context, widget);
      return embedConversationsByWidget(context.unit, args, widget.id);
    },
  },
  EmbedConversation: {
    visitorName: (visit, _args, context) => {
      requireManager(context, visit);
      return visit.visitorName;
    },
    address: (visit, _args, context) => {
      requireManager(context, visit);
      return visit.address;
    },
    userAgent: (visit, _args, context) => {
      requireManager(context, visit);
      return visit.userAgent;
    },
    conversation: ({ conversationId }, _args, { unit }) =>
      found('Conversation', conversationId, conversationById(unit)),
    widget: ({ widgetId }, _args, { unit }) => found('EmbedWidget', widgetId, embedWidgetById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { EmbedWidget: embedWidgetById, EmbedConversation: embedConversationById };
