import { sql } from 'drizzle-orm';
import { boolean, check, foreignKey, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { globalColumns, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';
import { models, modelTypes } from './tables.ts';
import type { RoutingConditions } from './routing-conditions.ts';

const ruleColumns = () => ({
  name: text().notNull(),
  description: text().notNull().default(''),
  /** 1 to 100; the lowest that fits decides, and among equals the older. */
  priority: integer().notNull(),
  modelType: word(modelTypes).notNull(),
  enabled: boolean().notNull().default(true),
  /** All of them have to hold. */
  conditions: jsonb().$type<RoutingConditions>().notNull().default({}),
  createdById: uuid(),
});

const entryColumns = () => ({
  ruleId: uuid().notNull(),
  modelId: uuid().notNull(),
  /** Its place in the chain of fallbacks, counted from 0. */
  position: integer().notNull(),
  /** How often it comes first, in proportion to the others of the rule; 0: only when others fail. */
  weight: integer().notNull().default(1),
  notes: text().notNull().default(''),
  tags: text().array().notNull().default([]),
});

/** An organization's rule for which models answer which calls. */
export const routingRules = tenantTable('routing_rules', 'organization', ruleColumns(), (rule) => [
  oneOf('routing_rules', rule.modelType, modelTypes),
  check('routing_rules_priority_check', sql`${rule.priority} between 1 and 100`),
  unique('routing_rules_name_key').on(rule.organizationId, rule.name),
  foreignKey({
    name: 'routing_rules_organization_id_fkey',
    columns: [rule.organizationId],
    foreignColumns: [organizations.id],
  }).onDelete('cascade'),
  index('routing_rules_priority_index').on(rule.organizationId, rule.priority, rule.id),
]);
export type RoutingRuleRow = typeof routingRules.$inferSelect;

/** A model of a rule. */
export const routingRuleModels = tenantTable('routing_rule_models', 'organization', entryColumns(), (entry) => [
  unique('routing_rule_models_model_id_key').on(entry.organizationId, entry.ruleId, entry.modelId),
  unique('routing_rule_models_position_key').on(entry.organizationId, entry.ruleId, entry.position),
  check('routing_rule_models_weight_check', sql`${entry.weight} between 0 and 1000`),
  foreignKey({
    name: 'routing_rule_models_rule_id_fkey',
    columns: [entry.organizationId, entry.ruleId],
    foreignColumns: [routingRules.organizationId, routingRules.id],
  }).onDelete('cascade'),
  foreignKey({
    name: 'routing_rule_models_model_id_fkey',
    columns: [entry.modelId],
    foreignColumns: [models.id],
  }).onDelete('cascade'),
  index('routing_rule_models_model_id_index').on(entry.modelId),
]);
export type RoutingRuleModelRow = Omit<typeof routingRuleModels.$inferSelect, 'organizationId'>;

/** A rule of the installation's own, for calls that no rule of their organization fits. */
export const platformRoutingRules = pgTable(
  'platform_routing_rules',
  { ...globalColumns(), ...ruleColumns() },
  (rule) => [
    oneOf('platform_routing_rules', rule.modelType, modelTypes),
    check('platform_routing_rules_priority_check', sql`${rule.priority} between 1 and 100`),
    unique('platform_routing_rules_name_key').on(rule.name),
    index('platform_routing_rules_priority_index').on(rule.priority, rule.id),
  ],
);
export type PlatformRoutingRuleRow = typeof platformRoutingRules.$inferSelect;

/** A model of such a rule. */
export const platformRoutingRuleModels = pgTable(
  'platform_routing_rule_models',
  { ...globalColumns(), ...entryColumns() },
  (entry) => [
    unique('platform_routing_rule_models_model_id_key').on(entry.ruleId, entry.modelId),
    unique('platform_routing_rule_models_position_key').on(entry.ruleId, entry.position),
    check('platform_routing_rule_models_weight_check', sql`${entry.weight} between 0 and 1000`),
    foreignKey({
      name: 'platform_routing_rule_models_rule_id_fkey',
      columns: [entry.ruleId],
      foreignColumns: [platformRoutingRules.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'platform_routing_rule_models_model_id_fkey',
      columns: [entry.modelId],
      foreignColumns: [models.id],
    }).onDelete('cascade'),
    index('platform_routing_rule_models_model_id_index').on(entry.modelId),
  ],
);
export type PlatformRoutingRuleModelRow = typeof platformRoutingRuleModels.$inferSelect;
