/** The one row of a statement that always gives exactly one, such as an aggregate or an unconditional insert. */
export const sole = <Row>(rows: readonly Row[]): Row => {
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`Expected exactly one row, got ${rows.length}.`);
  return row;
};
