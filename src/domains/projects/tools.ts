import { and, desc, eq } from 'drizzle-orm';
import { z } from 'zod';
import { database } from '../../database/client.ts';
import { NotFound } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import { agentTool, type AgentTools, type ToolUse } from '../agent-tool.ts';
import { projectsUnit } from './project-loaders.ts';
import { priorities, projects, type ProjectRow } from './project-tables.ts';
import { createProject } from './projects.ts';
import { identifierOf } from './task-changes.ts';
import { tasks, taskStatuses } from './task-tables.ts';
import { createTask } from './tasks.ts';

const maxShown = 30;

const key = z.string().min(2).max(10).describe('The key of the project, the ATLAS of ATLAS-42.');
const day = z.iso.date().describe('A day, like 2026-01-31.');
const title = z.string().min(1).max(500).describe('What is to be done, in one line.');
const description = z.string().max(10_000).default('').describe('More of it, as Markdown.');
const priority = z.enum(priorities).default('MEDIUM').describe('How urgent it is.');

/** The project of a key, as far as the person sees it. Throws NotFound. */
const projectOf = async (use: ToolUse, named: string): Promise<ProjectRow> => {
  const unit = projectsUnit(use);
  const isNamed = and(eq(projects.organizationId, unit.organizationId), eq(projects.key, named.toUpperCase()));
  const [project] = await unit.run(() => database.select().from(projects).where(isNamed));
  if (project === undefined) throw new NotFound('Project', named);
  return project;
};

const listProjects = agentTool({
  description: 'Lists the projects that the person sees, newest first, with their keys.',
  input: z.object({}),
  permission: 'PROJECT_READ',
  changes: false,
  run: async (use) => {
    const unit = projectsUnit(use);
    const { key, name, status, dueDate } = projects;
    const rows = await unit.run(() =>
      database
        .select({ key, name, status, dueDate })
        .from(projects)
        .where(eq(projects.organizationId, unit.organizationId))
        .orderBy(desc(projects.createdAt), desc(projects.id))
        .limit(maxShown),
    );
    if (rows.length === 0) return 'There are no projects.';
    return rows
      .map((row) => `${row.key}: ${row.name} (${row.status}${row.dueDate === null ? '' : `, due ${row.dueDate}`})`)
      .join('\n');
  },
});

const listTasks = agentTool({
  description: `Lists tasks of a project that are in one state, by when they are due; at most ${maxShown}.`,
  input: z.object({ project: key, status: z.enum(taskStatuses).default('TODO').describe('Where the tasks stand.') }),
  permission: 'PROJECT_READ',
  changes: false,
  run: async (use, { project: named, status }) => {
    const project = await projectOf(use, named);
    const { organizationId } = use.unit;
    const rows = await use.unit.run(() =>
      database
        .select({ number: tasks.number, title: tasks.title, priority: tasks.priority, dueDate: tasks.dueDate })
        .from(tasks)
        .where(and(eq(tasks.organizationId, organizationId), eq(tasks.projectId, project.id), eq(tasks.status, status)))
        .orderBy(tasks.dueOrder, tasks.id)
        .limit(maxShown),
    );
    if (rows.length === 0) return `No task of ${project.key} is ${status}.`;
    return rows
      .map((row) => {
        const due = row.dueDate === null ? '' : `, due ${row.dueDate}`;
        return `${identifierOf(project.key, row)}: ${row.title} (${row.priority}${due})`;
      })
      .join('\n');
  },
});

const openTask = agentTool({
  description:
    'Opens a task in a project, from this conversation, so that somebody does what was agreed on. Use it once for one piece of work.',
  input: z.object({ project: key, title, description, priority, dueDate: day.optional() }),
  permission: 'TASK_WRITE',
  changes: true,
  run: async (use, { project: named, dueDate, ...said }) => {
    const project = await projectOf(use, named);
    const input = { ...said, projectId: project.id, conversationId: use.conversationId };
    const task = await createTask(use, dueDate === undefined ? input : { ...input, dueDate });
    return `${identifierOf(project.key, task)} was opened (${globalId('Task', task.id)}).`;
  },
});

const beginProject = agentTool({
  description: 'Begins a project in this workspace, with its first tasks, in the order in which they are given.',
  input: z.object({
    name: z.string().min(1).max(200).describe('What the project is called.'),
    description,
    dueDate: day.optional(),
    tasks: z.array(z.object({ title, description, priority })).max(maxShown).default([]).describe('Its first tasks.'),
  }),
  permission: 'PROJECT_CREATE',
  changes: true,
  run: (use, { name, description: about, dueDate, tasks: first }) =>
    use.unit.transact(async () => {
      const input = { name, description: about, workspaceId: use.workspaceId };
      const project = await createProject(use, dueDate === undefined ? input : { ...input, dueDate });
      for (const task of first)
        await createTask(use, { ...task, projectId: project.id, conversationId: use.conversationId });
      return `Project ${project.key} was begun (${globalId('Project', project.id)}) with ${first.length} tasks.`;
    }),
});

/** What agents do with projects. */
export const tools: AgentTools = {
  list_projects: listProjects,
  list_tasks: listTasks,
  open_task: openTask,
  begin_project: beginProject,
};
