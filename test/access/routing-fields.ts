import { randomUUID } from 'node:crypto';
import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import {
  platformRoutingRuleModels,
  platformRoutingRules,
  routingRuleModels,
  routingRules,
} from '../../src/domains/modelhub/routing-tables.ts';
import { globalId } from '../../src/ids.ts';
import { unitOf, uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';
import { secret, whole } from './cast.ts';
import { byAdmins, byPlatform, type Fixture, type Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;

/** Disabled, so that it has no say in what the other fixtures ask. */
const rule = () => ({ name: `${secret} ${randomUUID()}`, priority: 50, modelType: 'TEXT' as const, enabled: false });

/** A rule that is changed or deleted next. */
const fresh = async (_owner: Person, ids: Ids, bed: Testbed): Promise<Record<string, string>> => {
  const organizationId = uuidOf(String(ids.Organization));
  return whole(bed, String(ids.Organization)).transact(async () => {
    const { id } = sole(
      await database
        .insert(routingRules)
        .values({ ...rule(), organizationId })
        .returning(),
    );
    const entry = { organizationId, ruleId: id, modelId: uuidOf(String(ids.Model)), position: 0 };
    await database.insert(routingRuleModels).values(entry);
    return { Fresh: globalId('RoutingRule', id), Name: `${secret} ${randomUUID()}` };
  });
};

const freshOfPlatform = async (_owner: Person, ids: Ids, bed: Testbed): Promise<Record<string, string>> =>
  unitOf(bed, null).transact(async () => {
    const { id } = sole(await database.insert(platformRoutingRules).values(rule()).returning());
    const entry = { ruleId: id, modelId: uuidOf(String(ids.Model)), position: 0 };
    await database.insert(platformRoutingRuleModels).values(entry);
    return { Fresh: globalId('PlatformRoutingRule', id), Name: `${secret} ${randomUUID()}` };
  });

/** A list or an answer of the caller's own organization. */
const ownByAdmins: Fixture['gets'] = { ...byAdmins, stranger: 'own', platformAdmin: 'own' };
const shows = new RegExp(secret);

/** Routing rules, and what becomes of calls by them. */
export const fixtures: Fixtures = {
  queries: {
    routingRules: {
      gets: ownByAdmins,
      field: 'routingRules(first: 100) { edges { node { name models { model { name } } } } }',
      shows,
      target: fresh,
    },
    routingRule: { gets: byAdmins, field: 'routingRule(id: $Fresh) { name }', shows, target: fresh },
    platformRoutingRules: {
      gets: byPlatform,
      field: 'platformRoutingRules(first: 100) { edges { node { name } } }',
      shows,
      target: freshOfPlatform,
    },
    platformRoutingRule: {
      gets: byPlatform,
      field: 'platformRoutingRule(id: $Fresh) { name }',
      shows,
      target: freshOfPlatform,
    },
    routeExplanation: {
      gets: byAdmins,
      field: 'routeExplanation(input: { workspaceId: $Workspace }) { decidedBy }',
      shows: /BUILT_IN_MODEL/,
    },
    deploymentHealth: {
      gets: { ...byAdmins, stranger: 'own', platformAdmin: 'own' },
      field: 'deploymentHealth(modelIds: [$Model]) { keySource }',
      shows: /ORGANIZATION/,
    },
  },
  mutations: {
    createRoutingRule: {
      gets: { ...byAdmins, stranger: 'data', platformAdmin: 'data' },
      field:
        'createRoutingRule(input: { name: $Name, enabled: false, models: [{ modelId: $Model }] }) { routingRule { name } }',
      shows,
      target: fresh,
    },
    updateRoutingRule: {
      gets: byAdmins,
      field: 'updateRoutingRule(input: { id: $Fresh, priority: 7 }) { routingRule { name } }',
      shows,
      target: fresh,
    },
    deleteRoutingRule: {
      gets: byAdmins,
      field: 'deleteRoutingRule(input: { id: $Fresh }) { deletedId }',
      shows: /routing_rule_/,
      target: fresh,
    },
    createPlatformRoutingRule: {
      gets: byPlatform,
      field:
        'createPlatformRoutingRule(input: { name: $Name, enabled: false, models: [{ modelId: $Model }] }) { routingRule { name } }',
      shows,
      target: freshOfPlatform,
    },
    updatePlatformRoutingRule: {
      gets: byPlatform,
      field: 'updatePlatformRoutingRule(input: { id: $Fresh, priority: 7 }) { routingRule { name } }',
      shows,
      target: freshOfPlatform,
    },
    deletePlatformRoutingRule: {
      gets: byPlatform,
      field: 'deletePlatformRoutingRule(input: { id: $Fresh }) { deletedId }',
      shows: /platform_routing_rule_/,
      target: freshOfPlatform,
    },
  },
  connections: {},
};
