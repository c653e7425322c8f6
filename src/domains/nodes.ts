import { NotFound } from '../errors.ts';
import type { Loader } from '../database/loader.ts';

/** The row of an id. Throws NotFound when the viewer sees none. */
export const found = async <Row>(type: string, id: string, loader: Loader<Row | null>): Promise<Row> => {
  const row = await loader.load(id);
  if (row === null) throw new NotFound(type, id);
  return row;
};
