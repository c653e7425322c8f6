import { and, eq, gte, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { ResolversTypes } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import { boardTopic, type BoardNotice } from './board-events.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import type { ProjectRow } from './project-tables.ts';
import { taskById } from './task-loaders.ts';
import { tasks } from './task-tables.ts';
import { instantOf } from './time-rules.ts';

/** How old the knowledge of a subscriber's rights may be at a delivery. Whether they see the project is read at each. */
const recheckMs = 3000;
/** What a transaction that began before a moment may have written by then is seen this much later at the most. */
const overlapMs = 60_000;

type Event = Awaited<ResolversTypes['BoardEvent']>;

const ofTask = {
  created: 'TaskCreated',
  changed: 'TaskChanged',
  moved: 'TaskMoved',
  commented: 'TaskCommented',
} as const;

/**
 * What happens in a project from now on, as far as the subscriber sees it when it is told; with `after` it begins with BoardOutdated when something happened
 * since. Ends when the project is gone or not seen any more. Between events no connection is held. Throws NotFound.
 */
export const boardEvents = async (
  context: Context,
  projectId: string,
  after: string | null,
): Promise<AsyncIterableIterator<{ boardEvents: Event }>> => {
  const { organizationId } = viewerOf(context);
  // Before the project is looked up, so that nothing that happens meanwhile is missed.
  const source = context.services.bus.subscribe(boardTopic(organizationId, projectId));
  let isOver = false;
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    isOver = true;
    await source.return?.();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  const opening = await openingOf(context, projectId, after).catch(async (error: unknown) => {
    await finish();
    throw error;
  });
  const waiting: Event[] = opening === null ? [] : [opening];
  let checkedAt = Date.now();
  const stillThere = async (): Promise<boolean> => {
    if (Date.now() - checkedAt < recheckMs) return true;
    checkedAt = Date.now();
    return renewSubscriber(context, 'PROJECT_READ');
  };
  const events: AsyncIterableIterator<{ boardEvents: Event }> = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        // The event before has been delivered: what its fields have read is given back.
        await context.unit.rest();
        const first = waiting.shift();
        if (first !== undefined) return { done: false, value: { boardEvents: first } };
        if (isOver) return { done: true, value: undefined };
        const notice = await source.next();
        if (notice.done === true || !(await stillThere())) return finish();
        // The cast is safe: only this domain publishes on the topic.
        const event = await told(context, notice.value as BoardNotice);
        if (event === 'unseen') return finish();
        if (event === undefined) continue;
        if (event.__typename === 'ProjectDeleted') isOver = true;
        return { done: false, value: { boardEvents: event } };
      }
    },
    return: finish,
  };
  return events;
};

/** BoardOutdated for a project in which something may have happened since; null where nothing has, or nobody asks. Throws NotFound. */
const openingOf = async (context: Context, projectId: string, after: string | null): Promise<Event | null> => {
  const unit = projectsUnit(context);
  try {
    const project = await found('Project', projectId, projectById(unit));
    if (after === null) return null;
    const changedSince = Date.parse(after) - overlapMs;
    const since = new Date(changedSince).toISOString();
    if (instantOf(project.updatedAt) >= changedSince)
      return { __typename: 'BoardOutdated', project, at: new Date().toISOString() };
    const isNewer = and(
      eq(tasks.organizationId, unit.organizationId),
      eq(tasks.projectId, projectId),
      gte(tasks.updatedAt, since),
    );
    const [newer] = await unit.run(() =>
      database
        .select({ one: sql`1` })
        .from(tasks)
        .where(isNewer)
        .limit(1),
    );
    return newer === undefined ? null : { __typename: 'BoardOutdated', project, at: new Date().toISOString() };
  } finally {
    await unit.rest();
  }
};

/** The event of a notice; undefined where its task is gone, `unseen` where the project is seen no more. */
const told = async (context: Context, notice: BoardNotice): Promise<Event | undefined | 'unseen'> => {
  const { projectId } = notice;
  const at = new Date().toISOString();
  if (notice.kind === 'removed') return { __typename: 'ProjectDeleted', projectId: globalId('Project', projectId), at };
  // A fresh unit, whose loaders know nothing from before.
  context.unit = context.unit.as(context.unit.scope);
  const unit = projectsUnit(context);
  const project: ProjectRow | null = await projectById(unit).load(projectId);
  if (project === null) return 'unseen';
  if (!('taskId' in notice)) return { __typename: 'ProjectUpdated', project, at };
  const { taskId, kind } = notice;
  if (kind === 'deleted')
    return {
      __typename: 'TaskDeleted',
      taskId: globalId('Task', taskId),
      projectId: globalId('Project', projectId),
      at,
    };
  const task = await taskById(unit).load(taskId);
  return task === null ? undefined : { __typename: ofTask[kind], task, at };
};
