/** The SQLSTATE and constraint of a failed statement, whatever wraps it. */
interface Failure {
  readonly code: string | undefined;
  readonly constraint: string | undefined;
}

const failureOf = (error: unknown): Failure => {
  let current = error;
  // Drizzle wraps the driver's error in one of its own.
  while (Error.isError(current) && !('code' in current && typeof current.code === 'string') && current.cause)
    current = current.cause;
  const code = Error.isError(current) && 'code' in current ? String(current.code) : undefined;
  const constraint =
    Error.isError(current) && 'constraint_name' in current ? String(current.constraint_name) : undefined;
  // Shards of a distributed table append their number to the name.
  return { code, constraint: constraint?.replace(/_\d+$/, '') };
};

/** True when the statement broke this unique constraint or index (SQLSTATE 23505), or this check (23514) or exclusion (23P01). */
export const violates = (error: unknown, constraint: string): boolean => {
  const { code, constraint: broken } = failureOf(error);
  return (code === '23505' || code === '23514' || code === '23P01') && broken === constraint;
};

/** The foreign key that a statement broke (SQLSTATE 23503); null when it failed for another reason. */
export const brokenReference = (error: unknown): string | null => {
  const { code, constraint } = failureOf(error);
  return code === '23503' ? (constraint ?? '') : null;
};

const awayCodes = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  '57P01',
  '57P02',
  '57P03',
  '08000',
  '08003',
  '08006',
  '53300',
]);

/** True when the database could not be reached, was shutting down or had no connection left. */
export const databaseIsAway = (error: unknown): boolean => awayCodes.has(failureOf(error).code ?? '');

/** True when a connection could not be opened because the database lets nobody in (SQLSTATE 55000, which means other things behind a statement). */
export const letsNobodyIn = (error: unknown): boolean => failureOf(error).code === '55000';

/** True when a statement ran into its time limit (SQLSTATE 57014). */
export const statementTimedOut = (error: unknown): boolean => failureOf(error).code === '57014';

/** True when the database refused for want of a right (SQLSTATE 42501). */
export const lacksPrivilege = (error: unknown): boolean => failureOf(error).code === '42501';
