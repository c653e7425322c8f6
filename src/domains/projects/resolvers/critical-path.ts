import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { projectById, projectsUnit } from '../project-loaders.ts';
import { criticalPath } from '../schedule.ts';
import { schedulePage } from '../schedule-page.ts';
import { taskById } from '../task-loaders.ts';

export const resolvers: Resolvers = {
  Query: {
    criticalPath: (_root, { projectId, defaultHours }, context) =>
      criticalPath(projectsUnit(context), projectId, defaultHours),
  },
  CriticalPath: {
    project: ({ projectId }, _args, context) => found('Project', projectId, projectById(projectsUnit(context))),
    openTaskCount: ({ scheduled }) => scheduled.length,
    path: ({ onPath }, args) => schedulePage(onPath, args),
    tasks: ({ scheduled }, { critical = null, ...args }) =>
      schedulePage(critical === null ? scheduled : scheduled.filter((task) => task.critical === critical), args),
  },
  ScheduledTask: {
    task: ({ taskId }, _args, context) => found('Task', taskId, taskById(projectsUnit(context))),
  },
};
