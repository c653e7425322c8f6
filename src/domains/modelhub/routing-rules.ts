import { and, count, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { CreateRoutingRuleInput, UpdateRoutingRuleInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { organizations } from '../tenancy/tables.ts';
import { requireModels, requireOwn } from './routing-rule-ids.ts';
import { maxRules, ruleFieldsOf, type RuleEntry } from './routing-rule-input.ts';
import { routingRuleModels, routingRules, type RoutingRuleRow } from './routing-tables.ts';

const ofRule = (organizationId: string, id: string) =>
  and(eq(routingRules.organizationId, organizationId), eq(routingRules.id, id));
const entriesOf = (organizationId: string, ruleId: string) =>
  and(eq(routingRuleModels.organizationId, organizationId), eq(routingRuleModels.ruleId, ruleId));

const nameTaken = (error: unknown): never => {
  if (violates(error, 'routing_rules_name_key')) throw new Conflict('name', 'There is a rule of this name already.');
  throw error;
};

const writeEntries = (organizationId: string, ruleId: string, entries: readonly RuleEntry[]) =>
  database
    .insert(routingRuleModels)
    .values(entries.map((entry, position) => ({ ...entry, organizationId, ruleId, position })));

/** The models of a rule as they stand, for a change that leaves them. */
const entriesNow = (organizationId: string, ruleId: string) =>
  database
    .select()
    .from(routingRuleModels)
    .where(entriesOf(organizationId, ruleId))
    .orderBy(routingRuleModels.position);

/** One at a time adds a rule to an organization. Throws Conflict when there are as many as there may be. */
const requireRoom = async ({ organizationId }: UnitOfWork): Promise<void> => {
  await database
    .select({ id: organizations.id })
    .from(organizations)
    .where(eq(organizations.id, organizationId))
    .for('no key update');
  const rows = await database
    .select({ there: count() })
    .from(routingRules)
    .where(eq(routingRules.organizationId, organizationId));
  if (sole(rows).there >= maxRules) throw new Conflict('input', `There are ${maxRules} rules already.`);
};

/** Makes a routing rule of the organization. Throws BadUserInput, Conflict (name taken, no room), NotFound. */
export const createRoutingRule = async (context: Context, input: CreateRoutingRuleInput): Promise<RoutingRuleRow> => {
  const { fields, entries } = ruleFieldsOf(input);
  const { name, priority, modelType, conditions = {} } = fields;
  if (name === undefined || priority === undefined || modelType === undefined || entries === undefined)
    throw new BadUserInput('input', 'A rule has a name, a priority, a type and models.');
  const { unit } = context;
  const { userId } = viewerOf(context);
  return unit
    .transact(async ({ organizationId }) => {
      await requireRoom(unit);
      await requireOwn(unit, { modelType, conditions });
      await requireModels(unit, { modelType, conditions }, entries);
      const row = { ...fields, name, priority, modelType, conditions, organizationId, createdById: userId };
      const rule = sole(await database.insert(routingRules).values(row).returning());
      await writeEntries(organizationId, rule.id, entries);
      unit.record({ action: 'routing_rule.created', type: 'RoutingRule', id: rule.id, data: { name, priority } });
      return rule;
    })
    .catch(nameTaken);
};

/** Changes a routing rule; its models are replaced as a whole. Throws BadUserInput, Conflict (name taken), NotFound. */
export const updateRoutingRule = async (
  context: Context,
  { id, ...input }: UpdateRoutingRuleInput,
): Promise<RoutingRuleRow> => {
  const { fields, entries } = ruleFieldsOf(input);
  const { unit } = context;
  return unit
    .transact(async ({ organizationId }) => {
      const rows = await database.select().from(routingRules).where(ofRule(organizationId, id)).for('update');
      const [current] = rows;
      if (current === undefined) throw new NotFound('RoutingRule', id);
      const changed = [...Object.keys(fields), ...(entries === undefined ? [] : ['models'])];
      if (changed.length === 0) return current;
      const next = { ...current, ...fields };
      if (fields.conditions !== undefined) await requireOwn(unit, next);
      await requireModels(unit, next, entries ?? (await entriesNow(organizationId, id)));
      if (entries !== undefined) {
        await database.delete(routingRuleModels).where(entriesOf(organizationId, id));
        await writeEntries(organizationId, id, entries);
      }
      const updated = await database
        .update(routingRules)
        // Its models are part of it: a change of them alone is one of the rule.
        .set({ name: next.name, ...fields })
        .where(ofRule(organizationId, id))
        .returning();
      unit.record({ action: 'routing_rule.updated', type: 'RoutingRule', id, data: { fields: changed } });
      return sole(updated);
    })
    .catch(nameTaken);
};

/** Deletes a routing rule. Throws NotFound. */
export const deleteRoutingRule = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const [gone] = await database
      .delete(routingRules)
      .where(ofRule(organizationId, id))
      .returning({ name: routingRules.name });
    if (gone === undefined) throw new NotFound('RoutingRule', id);
    context.unit.record({ action: 'routing_rule.deleted', type: 'RoutingRule', id, data: { name: gone.name } });
    return id;
  });
