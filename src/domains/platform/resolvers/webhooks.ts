import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { managed, requireManager, requirePlace } from '../webhook-access.ts';
import {
  attemptsByDelivery,
  webhookById,
  webhookDeliveriesByWorkspace,
  webhookDeliveryById,
  webhookDeliveryList,
  webhookList,
  webhooksByWorkspace,
} from '../webhook-loaders.ts';
import { redeliver, testWebhook } from '../webhook-redelivery.ts';
import {
  createWebhook,
  deleteWebhook,
  pauseWebhook,
  resumeWebhook,
  rotateWebhookSecret,
  updateWebhook,
} from '../webhook-subscriptions.ts';

export const resolvers: Resolvers = {
  Query: {
    webhooks: async (_root, { workspaceId = null, ...args }, context) => {
      await requirePlace(context, workspaceId);
      return workspaceId === null
        ? webhookList(context.unit, args)
        : webhooksByWorkspace(context.unit, args, workspaceId);
    },
    webhook: async (_root, { id }, context) => {
      const webhook = await found('Webhook', id, webhookById(context.unit));
      requireManager(viewerOf(context), webhook.workspaceId);
      return webhook;
    },
    webhookDeliveries: async (_root, { workspaceId = null, ...args }, context) => {
      await requirePlace(context, workspaceId);
      return workspaceId === null
        ? webhookDeliveryList(context.unit, args)
        : webhookDeliveriesByWorkspace(context.unit, args, workspaceId);
    },
    webhookDelivery: async (_root, { id }, context) => {
      const delivery = await found('WebhookDelivery', id, webhookDeliveryById(context.unit));
      requireManager(viewerOf(context), delivery.workspaceId);
      return delivery;
    },
  },
  Mutation: {
    createWebhook: (_root, { input }, context) => createWebhook(context, input),
    updateWebhook: async (_root, { input }, context) => ({ webhook: await updateWebhook(context, input) }),
    deleteWebhook: async (_root, { input }, context) => ({
      deletedId: globalId('Webhook', await deleteWebhook(context, input.id)),
    }),
    pauseWebhook: async (_root, { input }, context) => ({ webhook: await pauseWebhook(context, input.id) }),
    resumeWebhook: async (_root, { input }, context) => ({ webhook: await resumeWebhook(context, input.id) }),
    rotateWebhookSecret: (_root, { input }, context) => rotateWebhookSecret(context, input),
    testWebhook: async (_root, { input }, context) => ({ delivery: await testWebhook(context, input.id) }),
    redeliver: (_root, { input }, context) => redeliver(context, input),
  },
  Webhook: {
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    pausedUntil: ({ pausedUntil }) => ahead(pausedUntil),
    previousSecretUntil: ({ previousSecretUntil }) => ahead(previousSecretUntil),
  },
  WebhookDelivery: {
    webhook: ({ subscriptionId }, _args, { unit }) => found('Webhook', subscriptionId, webhookById(unit)),
    targetId: ({ targetType, targetId }) => globalId(targetType, targetId),
    attemptCount: ({ attempts }) => attempts,
    original: ({ originalId }, _args, { unit }) =>
      originalId === null ? null : webhookDeliveryById(unit).load(originalId),
    attempts: ({ id }, _args, { unit }) => attemptsByDelivery(unit).load(id),
  },
};

/** A time that is not over yet. */
const ahead = (at: string | null): string | null => (at !== null && Date.parse(at) > Date.now() ? at : null);

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Webhook: managed(webhookById), WebhookDelivery: managed(webhookDeliveryById) };
