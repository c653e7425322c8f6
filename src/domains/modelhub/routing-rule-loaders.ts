import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { platformRoutingRuleModels, platformRoutingRules, routingRuleModels, routingRules } from './routing-tables.ts';

/** Rules of the organization, for those who hold all of it: they name people and groups. */
export const routingRuleById = loadOne(
  () =>
    database
      .select()
      .from(routingRules)
      .where(
        and(
          eq(routingRules.organizationId, bound.organizationId),
          sql`${routingRules.id} = any(${bound.keys})`,
          sql`${routingRules.organizationId} = any(app_principals())`,
        ),
      ),
  (rule) => rule.id,
);

export const platformRoutingRuleById = loadOne(
  () =>
    database
      .select()
      .from(platformRoutingRules)
      .where(sql`${platformRoutingRules.id} = any(${bound.keys})`),
  (rule) => rule.id,
);

/** The models of rules, in the order of fallback. */
export const modelsByRule = loadMany(
  () =>
    database
      .select()
      .from(routingRuleModels)
      .where(
        and(
          eq(routingRuleModels.organizationId, bound.organizationId),
          sql`${routingRuleModels.ruleId} = any(${bound.keys})`,
        ),
      )
      .orderBy(routingRuleModels.ruleId, routingRuleModels.position),
  (entry) => entry.ruleId,
);

export const modelsByPlatformRule = loadMany(
  () =>
    database
      .select()
      .from(platformRoutingRuleModels)
      .where(sql`${platformRoutingRuleModels.ruleId} = any(${bound.keys})`)
      .orderBy(platformRoutingRuleModels.ruleId, platformRoutingRuleModels.position),
  (entry) => entry.ruleId,
);

export const routingRuleList = listOf({
  from: routingRules,
  columns: getTableColumns(routingRules),
  orders: { PRIORITY: routingRules.priority },
  defaultOrder: { field: 'PRIORITY', direction: 'ASC' },
  filters: { name: routingRules.name, modelType: routingRules.modelType, enabled: routingRules.enabled },
});

export const platformRoutingRuleList = listOf({
  from: platformRoutingRules,
  columns: getTableColumns(platformRoutingRules),
  orders: { PRIORITY: platformRoutingRules.priority },
  defaultOrder: { field: 'PRIORITY', direction: 'ASC' },
  filters: {
    name: platformRoutingRules.name,
    modelType: platformRoutingRules.modelType,
    enabled: platformRoutingRules.enabled,
  },
});
