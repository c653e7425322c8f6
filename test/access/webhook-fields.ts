import type { Person, Testbed } from '../testbed.ts';
import { webhookOf } from '../webhooks.ts';
import { secret } from './cast.ts';
import { failedDelivery, restWebhook } from './filled-webhooks.ts';
import { byAdmins, byWorkspaceAdmins, type Fixture, type Fixtures } from './fixture.ts';
import { uuidOf } from '../talk.ts';

type Ids = Readonly<Record<string, string>>;

/** A webhook of the filled workspace that rests, with a delivery that failed. */
const fresh = async (owner: Person, ids: Ids, bed: Testbed): Promise<Record<string, string>> => {
  const [organization, workspaceId] = [String(ids.Organization), String(ids.Workspace)];
  const input = { url: 'https://hooks.invalid/hook', events: ['nothing.happened'], description: secret, workspaceId };
  const { id } = await webhookOf(owner, input);
  await restWebhook(bed, organization, id);
  return { Fresh: id, Failed: await failedDelivery(bed, organization, id, secret, uuidOf(workspaceId)) };
};

/** Of the whole organization: for its administrators. Owners of others see theirs. */
const ofOrganization: Fixture['gets'] = { ...byAdmins, stranger: 'own', platformAdmin: 'own' };
const changed = (field: string): Fixture => ({ gets: byWorkspaceAdmins, field, target: fresh });

/** Webhooks and what they were told. */
export const fixtures: Fixtures = {
  queries: {
    webhooks: { gets: ofOrganization, field: 'webhooks(first: 100) { totalCount edges { node { description } } }' },
    webhook: { gets: byWorkspaceAdmins, field: 'webhook(id: $Webhook) { description url }' },
    webhookDeliveries: {
      gets: byWorkspaceAdmins,
      field:
        'webhookDeliveries(workspaceId: $Workspace, first: 100) { totalCount edges { node { payload attempts { responseExcerpt } } } }',
    },
    webhookDelivery: {
      gets: byWorkspaceAdmins,
      field: 'webhookDelivery(id: $WebhookDelivery) { payload attempts { responseExcerpt } }',
    },
  },
  mutations: {
    createWebhook: {
      gets: byWorkspaceAdmins,
      field: `createWebhook(input: { url: "https://hooks.invalid", events: ["nothing.happened"], workspaceId: $Workspace, description: "${secret}" }) { webhook { description } secret }`,
    },
    updateWebhook: changed(
      'updateWebhook(input: { id: $Fresh, events: ["nothing.else"] }) { webhook { description } }',
    ),
    deleteWebhook: { ...changed('deleteWebhook(input: { id: $Fresh }) { deletedId }'), shows: /webhook_/ },
    pauseWebhook: changed('pauseWebhook(input: { id: $Fresh }) { webhook { description } }'),
    resumeWebhook: changed('resumeWebhook(input: { id: $Fresh }) { webhook { description } }'),
    rotateWebhookSecret: changed('rotateWebhookSecret(input: { id: $Fresh }) { webhook { description } }'),
    testWebhook: changed('testWebhook(input: { id: $Fresh }) { delivery { webhook { description } } }'),
    redeliver: changed('redeliver(input: { deliveryId: $Failed }) { count delivery { webhook { description } } }'),
  },
};
