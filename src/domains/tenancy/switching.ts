import { Conflict, NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { endSession, startSession } from '../identity/operations.ts';
import { goOnAs, type Entrance } from './entrance.ts';
import { discovery, viewerOfCredential, viewerOfMember } from './viewers.ts';

/**
 * Starts a session of the viewer in another of their organizations and ends the one they ask with, in one transaction; the context goes on
 * as the new viewer. Throws NotFound for an organization they may not enter, Conflict when the session has ended meanwhile.
 */
export const switchOrganization = async (context: Context, organizationId: string): Promise<Entrance> => {
  const { userId, credential } = viewerOf(context);
  const { sessions } = context.services.settings;
  await context.unit.rest();
  const arriving = context.unit.as(discovery(organizationId, userId));
  const entrance = await arriving.transact(async () => {
    if ((await viewerOfMember(arriving, { organizationId, userId })) === null)
      throw new NotFound('Organization', organizationId);
    // Its end is told in the organization it was in.
    if (!(await arriving.nested(context.unit.scope, (leaving) => endSession(leaving, credential.id))))
      throw new Conflict('organizationId', 'This session has ended meanwhile.');
    const { token, sessionId } = await startSession(arriving, sessions);
    const claim = { kind: 'SESSION', id: sessionId, organizationId, userId } as const;
    const viewer = await viewerOfCredential(arriving, claim, sessions);
    if (viewer === null) throw new NotFound('Organization', organizationId);
    return { token, viewer };
  });
  context.services.viewers.forgetCredential(credential.id);
  await goOnAs(context, entrance.viewer);
  return entrance;
};
