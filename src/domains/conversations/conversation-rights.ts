import type { Context } from '../context.ts';
import { viewerOf } from '../context.ts';
import { decisionIn, requireActive, requirePermission } from '../permissions.ts';
import type { ConversationRow } from './tables.ts';

type Owned = Pick<ConversationRow, 'userId' | 'workspaceId'>;

/** Whoever started a conversation may change it, and the workspace's admins. Throws Conflict (archived), Forbidden. */
export const requireOwner = (context: Context, { userId, workspaceId }: Owned): void => {
  const viewer = viewerOf(context);
  if (viewer.userId !== userId) requirePermission(viewer, 'CONVERSATION_MANAGE', workspaceId);
  requireActive(viewer, workspaceId);
};

/** Whoever started a conversation takes part in it, and who may answer in the workspace. Throws Conflict (archived), Forbidden. */
export const requireParticipant = (context: Context, { userId, workspaceId }: Owned): void => {
  const viewer = viewerOf(context);
  const manages = decisionIn(viewer, 'CONVERSATION_MANAGE', workspaceId).allowed;
  if (viewer.userId !== userId && !manages) requirePermission(viewer, 'CONVERSATION_ANSWER', workspaceId);
  requireActive(viewer, workspaceId);
};
