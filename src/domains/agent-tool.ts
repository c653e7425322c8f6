import type { z } from 'zod';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Permission } from '../generated/resolvers.ts';
import type { Viewer } from './context.ts';
import type { Services } from './services.ts';

/** Where and for whom a tool is used. The unit sees what the viewer sees at this moment, and nothing else. */
export interface ToolUse {
  readonly viewer: Viewer;
  readonly unit: UnitOfWork;
  readonly services: Services;
  readonly workspaceId: string;
  readonly conversationId: string;
  /** Aborted when the run is stopped. */
  readonly signal: AbortSignal;
}

/**
 * Something that an agent can do. Each domain's `tools.ts` exports `tools`, by name: letters, digits and `_`, at most 64 characters, as
 * the providers demand.
 */
export interface AgentTool<Input = unknown> {
  /** What it does and when to use it, for the model. */
  readonly description: string;
  /** What the model has to give; what does not fit is told to the model, and the tool is not used. */
  readonly input: z.ZodType<Input>;
  /** What the viewer needs in the workspace; the tool is not offered without it, and asked for again at each use. */
  readonly permission: Permission;
  /** Whether it changes something: then a person has to allow each use. */
  readonly changes: boolean;
  /** Whether a workspace has to name it before agents use it, as for all that change something. */
  readonly optIn?: boolean;
  /** Uses it; gives what the model reads. A DomainError is told to the model; anything else ends the run. */
  readonly run: (use: ToolUse, input: Input) => Promise<string>;
}

/** Tools by name. */
export type AgentTools = Readonly<Record<string, AgentTool>>;
