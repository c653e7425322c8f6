import { count, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { CreatePlatformRoutingRuleInput, UpdatePlatformRoutingRuleInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import { requireModels, requireOrganizations } from './routing-rule-ids.ts';
import { maxRules, ruleFieldsOf, type RuleEntry } from './routing-rule-input.ts';
import { platformRoutingRuleModels, platformRoutingRules, type PlatformRoutingRuleRow } from './routing-tables.ts';

/** Works on what belongs to the installation, and records it in its log. Throws Forbidden, and what `work` throws. */
const onInstallation = async <Result>(
  context: Context,
  work: (installation: UnitOfWork) => Promise<Result>,
): Promise<Result> => {
  const viewer = viewerOf(context);
  requirePermission(viewer, 'PLATFORM_MANAGE');
  await context.unit.rest();
  const installation = context.unit.as({ ...nowhere, userId: viewer.userId });
  return installation.transact(() => work(installation)).catch(nameTaken);
};

const nameTaken = (error: unknown): never => {
  if (violates(error, 'platform_routing_rules_name_key'))
    throw new Conflict('name', 'There is a rule of this name already.');
  throw error;
};

const ofRule = (id: string) => eq(platformRoutingRules.id, id);
const ofEntries = (id: string) => eq(platformRoutingRuleModels.ruleId, id);

const writeEntries = (ruleId: string, entries: readonly RuleEntry[]) =>
  database.insert(platformRoutingRuleModels).values(entries.map((entry, position) => ({ ...entry, ruleId, position })));

const entriesNow = (id: string) =>
  database.select().from(platformRoutingRuleModels).where(ofEntries(id)).orderBy(platformRoutingRuleModels.position);

/** Makes a routing rule of the installation. Throws BadUserInput, Conflict (name taken, no room), Forbidden, NotFound. */
export const createPlatformRoutingRule = (
  context: Context,
  input: CreatePlatformRoutingRuleInput,
): Promise<PlatformRoutingRuleRow> => {
  const { fields, entries } = ruleFieldsOf(input);
  const { name, priority, modelType, conditions = {} } = fields;
  if (name === undefined || priority === undefined || modelType === undefined || entries === undefined)
    throw new BadUserInput('input', 'A rule has a name, a priority, a type and models.');
  const { userId } = viewerOf(context);
  return onInstallation(context, async (installation) => {
    const rows = await database.select({ there: count() }).from(platformRoutingRules);
    if (sole(rows).there >= maxRules) throw new Conflict('input', `There are ${maxRules} rules already.`);
    await requireOrganizations({ modelType, conditions });
    await requireModels(installation, { modelType, conditions }, entries);
    const row = { ...fields, name, priority, modelType, conditions, createdById: userId };
    const rule = sole(await database.insert(platformRoutingRules).values(row).returning());
    await writeEntries(rule.id, entries);
    const { id } = rule;
    installation.record({
      action: 'platform_routing_rule.created',
      type: 'PlatformRoutingRule',
      id,
      data: { name, priority },
    });
    return rule;
  });
};

/** Changes such a rule; its models are replaced as a whole. Throws BadUserInput, Conflict (name taken), Forbidden, NotFound. */
export const updatePlatformRoutingRule = (
  context: Context,
  { id, ...input }: UpdatePlatformRoutingRuleInput,
): Promise<PlatformRoutingRuleRow> => {
  const { fields, entries } = ruleFieldsOf(input);
  return onInstallation(context, async (installation) => {
    const [current] = await database.select().from(platformRoutingRules).where(ofRule(id)).for('update');
    if (current === undefined) throw new NotFound('PlatformRoutingRule', id);
    const changed = [...Object.keys(fields), ...(entries === undefined ? [] : ['models'])];
    if (changed.length === 0) return current;
    const next = { ...current, ...fields };
    if (fields.conditions !== undefined) await requireOrganizations(next);
    await requireModels(installation, next, entries ?? (await entriesNow(id)));
    if (entries !== undefined) {
      await database.delete(platformRoutingRuleModels).where(ofEntries(id));
      await writeEntries(id, entries);
    }
    const updated = await database
      .update(platformRoutingRules)
      .set({ ...fields, updatedAt: sql`now()` })
      .where(ofRule(id))
      .returning();
    installation.record({
      action: 'platform_routing_rule.updated',
      type: 'PlatformRoutingRule',
      id,
      data: { fields: changed },
    });
    return sole(updated);
  });
};

/** Deletes such a rule. Throws Forbidden, NotFound. */
export const deletePlatformRoutingRule = (context: Context, id: string): Promise<string> =>
  onInstallation(context, async (installation) => {
    const [gone] = await database
      .delete(platformRoutingRules)
      .where(ofRule(id))
      .returning({ name: platformRoutingRules.name });
    if (gone === undefined) throw new NotFound('PlatformRoutingRule', id);
    installation.record({
      action: 'platform_routing_rule.deleted',
      type: 'PlatformRoutingRule',
      id,
      data: { name: gone.name },
    });
    return id;
  });
