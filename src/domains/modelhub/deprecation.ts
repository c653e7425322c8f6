import { asc, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { DeprecateModelInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { inCatalogue, lockModel } from './catalogue-changes.ts';
import { models, type ModelRow } from './tables.ts';

/** Both models, locked in the order of their ids, so that two who deprecate them in favour of each other come one after the other. */
const lockBoth = async (id: string, replacementId: string): Promise<readonly [ModelRow, ModelRow]> => {
  const rows = await database
    .select()
    .from(models)
    .where(inArray(models.id, [id, replacementId]))
    .orderBy(asc(models.id))
    .for('update');
  const one = (wanted: string): ModelRow => {
    const row = rows.find((model) => model.id === wanted);
    if (row === undefined) throw new NotFound('Model', wanted);
    return row;
  };
  return [one(id), one(replacementId)];
};

/**
 * Says that a model will go, when, and what takes its place. Who can be a replacement is ACTIVE and so has none itself: replacements
 * never run in a circle. Throws BadUserInput (of another type, itself), Conflict (the replacement is not ACTIVE), NotFound.
 */
export const deprecateModel = (context: Context, input: DeprecateModelInput): Promise<ModelRow> => {
  const { id } = input;
  const replacementId = input.replacementId ?? null;
  const retiresAt = input.retiresAt ? new Date(input.retiresAt).toISOString() : null;
  if (replacementId === id) throw new BadUserInput('replacementId', 'A model does not take its own place.');
  return inCatalogue(context, async (installation) => {
    if (replacementId === null) await lockModel(id);
    else {
      const [model, replacement] = await lockBoth(id, replacementId);
      if (replacement.type !== model.type)
        throw new BadUserInput('replacementId', `What takes the place of this model is of the type ${model.type}.`);
      if (replacement.status !== 'ACTIVE')
        throw new Conflict('replacementId', `The model ${replacement.name} is ${replacement.status} itself.`);
    }
    const deprecated = sole(
      await database
        .update(models)
        .set({ status: 'DEPRECATED', replacementId, retiresAt })
        .where(eq(models.id, id))
        .returning(),
    );
    const data = { name: deprecated.name, replacementId, retiresAt };
    installation.record({ action: 'model.deprecated', type: 'Model', id, data });
    return deprecated;
  });
};

/** Takes back that a model is deprecated or INACTIVE. Throws Conflict (it is in use), NotFound. */
export const restoreModel = (context: Context, id: string): Promise<ModelRow> =>
  inCatalogue(context, async (installation) => {
    const { status } = await lockModel(id);
    if (status === 'ACTIVE') throw new Conflict('id', 'This model is in use.');
    const restored = sole(
      await database
        .update(models)
        .set({ status: 'ACTIVE', replacementId: null, retiresAt: null })
        .where(eq(models.id, id))
        .returning(),
    );
    installation.record({ action: 'model.restored', type: 'Model', id });
    return restored;
  });
