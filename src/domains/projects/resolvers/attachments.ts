import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { fileById } from '../../content/loaders.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { attachmentsByTask, taskAttachmentById } from '../attachment-loaders.ts';
import { attachFile, detachFile } from '../attachments.ts';
import { enteredProjects, projectsUnit } from '../project-loaders.ts';
import { taskById } from '../task-loaders.ts';

export const resolvers: Resolvers = {
  Mutation: {
    attachFile: (_root, { input }, context) => attachFile(context, input),
    detachFile: async (_root, { input }, context) => {
      const { attachment, task } = await detachFile(context, input);
      return { deletedId: globalId('TaskAttachment', attachment.id), task };
    },
  },
  Task: {
    attachments: ({ id }, args, context) => attachmentsByTask(projectsUnit(context), args, id),
  },
  TaskAttachment: {
    task: ({ taskId }, _args, context) => found('Task', taskId, taskById(projectsUnit(context))),
    file: ({ fileId }, _args, { unit }) => fileById(unit).load(fileId),
    addedBy: ({ addedById }, _args, { unit }) => (addedById === null ? null : memberUserById(unit).load(addedById)),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { TaskAttachment: enteredProjects(taskAttachmentById) };
