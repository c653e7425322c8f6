import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';

/** What happens on a board, by ids; whoever is told reads the rows anew with their own rights. */
export type BoardNotice = { readonly projectId: string } & (
  | { readonly kind: 'created' | 'changed' | 'moved' | 'commented' | 'deleted'; readonly taskId: string }
  | { readonly kind: 'updated' | 'removed' }
);

/** Where is told what happens in a project. */
export const boardTopic = (organizationId: string, projectId: string): string => `board:${organizationId}:${projectId}`;

/** Tells who follows the board of a project, once the running transaction has committed. */
export const tellBoard = (unit: UnitOfWork, { bus }: Pick<Services, 'bus'>, ...notices: readonly BoardNotice[]): void =>
  unit.afterCommit(() => {
    for (const notice of notices) bus.publish(boardTopic(unit.organizationId, notice.projectId), notice);
  });
