import { inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { OneByKey } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import { groupById } from '../tenancy/group-loaders.ts';
import { memberUserById, workspaceById } from '../tenancy/loaders.ts';
import { organizations } from '../tenancy/tables.ts';
import { makes } from './candidates.ts';
import { modelById } from './loaders.ts';
import { idLists, type RuleEntry } from './routing-rule-input.ts';
import type { RoutingRuleRow } from './routing-tables.ts';
import type { ModelRow } from './tables.ts';

type Rule = Pick<RoutingRuleRow, 'modelType' | 'conditions'>;

/** Throws NotFound for the first id that is not among those there are. */
const requireAll = (type: string, field: string, ids: readonly string[], there: { has(id: string): boolean }): void => {
  const at = ids.findIndex((id) => !there.has(id));
  const id = ids[at];
  if (id !== undefined) throw new NotFound(type, id, `${field}.${at}`);
};

const modelsOf = async (unit: UnitOfWork, ids: readonly string[]): Promise<Map<string, ModelRow>> =>
  ids.length === 0 ? new Map() : modelById.all(unit, ids);

/** Requires that a rule's models are there and make what it is for. Throws BadUserInput, NotFound. */
export const requireModels = async (
  unit: UnitOfWork,
  { modelType, conditions: { modelIds = [] } }: Rule,
  entries: readonly RuleEntry[],
): Promise<void> => {
  if (modelType === 'EMBEDDING' && modelIds.length > 0)
    throw new BadUserInput(
      'conditions.modelIds',
      'A named embedding model is always called itself: vectors of two models cannot be compared.',
    );
  const ids = entries.map(({ modelId }) => modelId);
  const there = await modelsOf(unit, [...new Set([...modelIds, ...ids])]);
  requireAll('Model', 'conditions.modelIds', modelIds, there);
  const missing = ids.findIndex((id) => !there.has(id));
  if (missing >= 0) throw new NotFound('Model', ids[missing] ?? '', `models.${missing}.modelId`);
  const issues = ids.flatMap((id, index) => {
    const model = there.get(id);
    const fine = model !== undefined && makes(model, modelType);
    return fine ? [] : [{ field: `models.${index}.modelId`, message: `This model is not of the type ${modelType}.` }];
  });
  if (issues.length > 0) throw new BadUserInput(issues);
};

const seen: readonly (readonly ['workspaceIds' | 'userIds' | 'groupIds', OneByKey<unknown>])[] = [
  ['workspaceIds', workspaceById],
  ['userIds', memberUserById],
  ['groupIds', groupById],
];

/** Requires that whom and what an organization's rule names is there and seen. Throws NotFound. */
export const requireOwn = async (unit: UnitOfWork, { conditions }: Rule): Promise<void> => {
  for (const [name, loader] of seen) {
    const ids = conditions[name] ?? [];
    if (ids.length > 0) requireAll(idLists[name], `conditions.${name}`, ids, await loader.all(unit, ids));
  }
};

/** Requires that the organizations of a rule of the installation are there. In its transaction. Throws NotFound. */
export const requireOrganizations = async ({ conditions: { organizationIds = [] } }: Rule): Promise<void> => {
  if (organizationIds.length === 0) return;
  const rows = await database
    .select({ id: organizations.id })
    .from(organizations)
    .where(inArray(organizations.id, [...organizationIds]));
  requireAll('Organization', 'conditions.organizationIds', organizationIds, new Set(rows.map(({ id }) => id)));
};
