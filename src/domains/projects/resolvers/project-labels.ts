import { enteredProjects } from '../project-loaders.ts';
import { projectLabelById } from '../task-marks.ts';

/** How `node(id)` finds the labels of projects. */
export const nodes = { ProjectLabel: enteredProjects(projectLabelById) };
