import { nowhere, type Scope, type UnitOfWork } from '../../database/unit-of-work.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireSuperAdmin } from '../identity/super-admins.ts';

/**
 * Changes the installation in one transaction, as a super admin who stays one until it ends. What the unit records goes to the installation's
 * log with the administrator as its actor. Throws Forbidden, and what `work` throws.
 */
export const administering = async <Result>(
  context: Context,
  work: (installation: UnitOfWork) => Promise<Result>,
): Promise<Result> => {
  const { userId } = viewerOf(context);
  await context.unit.rest();
  const installation = context.unit.as({ ...nowhere, userId });
  return installation.transact(async () => {
    await requireSuperAdmin(installation);
    return work(installation);
  });
};

/** Sees a whole organization, as the administrator who works in it. */
export const within = (organizationId: string, { scope: { userId } }: UnitOfWork): Scope => ({
  organizationId,
  userId,
  principals: [organizationId],
  workspaces: '*',
});
