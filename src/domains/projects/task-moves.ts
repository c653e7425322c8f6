import { BadUserInput } from '../../errors.ts';
import type { MoveTaskInput } from '../../generated/resolvers.ts';
import type { ProjectMeans } from './project-rights.ts';
import type { CompletionWarningRow } from './rows.ts';
import { changeTask, lockTask, requireTaskVersion } from './task-changes.ts';
import { overrideOf, passGuard } from './task-completion.ts';
import { placeFor } from './task-places.ts';
import { timesOf } from './tasks.ts';
import type { TaskRow } from './task-tables.ts';

/** A task after it was moved, and what was open of it when it became DONE. */
export interface MovedTask {
  readonly task: TaskRow;
  readonly warnings: CompletionWarningRow[];
}

/**
 * Puts a task to a place of its project's board, between the neighbours that stand there once the project is locked. Throws BadUserInput, Conflict (another version, a neighbour
 * is elsewhere, the completion guard, archived), Forbidden (also an override), NotFound.
 */
export const moveTask = (means: ProjectMeans, input: MoveTaskInput): Promise<MovedTask> => {
  const { id, status, afterId, beforeId, version } = input;
  if (afterId === id) throw new BadUserInput('afterId', 'A task does not stand behind itself.');
  if (beforeId === id) throw new BadUserInput('beforeId', 'A task does not stand before itself.');
  const reason = overrideOf(input.overrideReason);
  const { unit, services } = means;
  return unit.transact(async () => {
    const held = await lockTask(means, id);
    requireTaskVersion(held, version);
    const completing = status === 'DONE' ? [{ ...held, field: 'status' }] : [];
    const { warnings, overridden } = await passGuard(means, completing, reason);
    const position = await placeFor(unit, services, held.task, { status, afterId, beforeId });
    const moved = status === held.task.status ? { position } : { status, ...timesOf(status), position };
    const kept = overridden.has(id) ? reason : null;
    return { task: await changeTask(means, held, moved, { kind: 'MOVED', reason: kept }), warnings };
  });
};
