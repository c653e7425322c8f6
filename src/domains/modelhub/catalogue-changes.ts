import { eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { models, type ModelRow } from './tables.ts';

/** Changes what belongs to the whole installation, in one transaction; what is recorded goes to the installation's log. */
export const inCatalogue = async <Result>(
  context: Context,
  work: (installation: UnitOfWork) => Promise<Result>,
): Promise<Result> => {
  const { userId } = viewerOf(context);
  await context.unit.rest();
  const installation = context.unit.as({ ...nowhere, userId });
  return installation.transact(() => work(installation));
};

/** The row of a model, which stays as it is until the running transaction ends. Throws NotFound. */
export const lockModel = async (id: string): Promise<ModelRow> => {
  const [model] = await database.select().from(models).where(eq(models.id, id)).for('update');
  if (model === undefined) throw new NotFound('Model', id);
  return model;
};
