import type { Resolvers } from '../../../generated/resolvers.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import {
  commentCountByTask,
  commentsByTask,
  mentionedByComment,
  mentionsByUser,
  ownMentionById,
  taskCommentById,
} from '../comment-loaders.ts';
import { enteredProjects, projectsUnit } from '../project-loaders.ts';
import { addTaskComment, deleteTaskComment, editTaskComment } from '../task-comments.ts';
import { taskById } from '../task-loaders.ts';
import { markMentionsRead, unreadMentions } from '../task-mentions.ts';

export const resolvers: Resolvers = {
  Query: {
    taskMentions: (_root, args, context) => mentionsByUser(projectsUnit(context), args, viewerOf(context).userId),
    unreadTaskMentionCount: (_root, _args, context) => unreadMentions(context),
  },
  Mutation: {
    addTaskComment: async (_root, { input }, context) => ({ comment: await addTaskComment(context, input) }),
    editTaskComment: async (_root, { input }, context) => ({ comment: await editTaskComment(context, input) }),
    deleteTaskComment: async (_root, { input }, context) => ({ comment: await deleteTaskComment(context, input.id) }),
    markTaskMentionsRead: async (_root, { input }, context) => ({
      unreadCount: await markMentionsRead(context, input.ids),
    }),
  },
  Task: {
    comments: ({ id }, args, context) => commentsByTask(projectsUnit(context), args, id),
    commentCount: async ({ id }, _args, context) =>
      (await commentCountByTask(projectsUnit(context)).load(id))?.count ?? 0,
  },
  TaskComment: {
    task: ({ taskId }, _args, context) => found('Task', taskId, taskById(projectsUnit(context))),
    author: ({ authorId }, _args, { unit }) => (authorId === null ? null : memberUserById(unit).load(authorId)),
    mentions: async ({ id }, _args, context) => {
      const unit = projectsUnit(context);
      const mentioned = await mentionedByComment(unit).load(id);
      const people = await Promise.all(mentioned.map(({ userId }) => memberUserById(unit).load(userId)));
      return people.filter((person) => person !== null);
    },
  },
  TaskMention: {
    task: ({ taskId }, _args, context) => found('Task', taskId, taskById(projectsUnit(context))),
    comment: ({ commentId }, _args, context) => found('TaskComment', commentId, taskCommentById(projectsUnit(context))),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  TaskComment: enteredProjects(taskCommentById),
  TaskMention: enteredProjects(ownMentionById),
};
