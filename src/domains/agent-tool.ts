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
  /** Hosts that the workspace lets agents fetch pages from, `example.com`, and with `*.` all below it. */
  readonly allowedHosts: readonly string[];
  /** Aborted when the run is stopped. */
  readonly signal: AbortSignal;
}

/** A passage that a tool gave: the model reads it under a number, and the answer may cite it. */
export type ToolPassage = {
  readonly title: string;
  /** Exactly what the version of the document or entry has from `start` on, in UTF-16 code units. */
  readonly text: string;
  readonly start: number;
  /** How well it fits what was asked for, 0 to 1. */
  readonly score: number;
} & (ToolPassageOfDocument | ToolPassageOfEntry);

interface ToolPassageOfDocument {
  readonly chunkId: string | null;
  readonly documentId: string;
  readonly documentVersion: number;
}

/** Of the knowledge bank. */
interface ToolPassageOfEntry {
  readonly knowledgeEntryId: string;
  readonly knowledgeVersion: number;
  /** Who sees the entry; null: all members. */
  readonly readers: readonly string[] | null;
}

/** What a tool gave: a text, or a text and passages that go with it. */
export type ToolOutput = string | { readonly text: string; readonly passages: readonly ToolPassage[] };

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
  /** Whether it asks hosts outside: it is not offered where the workspace allows none. */
  readonly reachesOut?: boolean;
  /** Uses it; gives what the model reads. A DomainError is told to the model; of any other failure the model learns that it happened. */
  readonly run: (use: ToolUse, input: Input) => Promise<ToolOutput>;
}

/** A tool among others, whatever it takes: what the model gives is checked by `input` before `run` sees it. */
export const agentTool = <Input>(tool: AgentTool<Input>): AgentTool => ({
  ...tool,
  run: (use, input) => tool.run(use, tool.input.parse(input)),
});

/** Tools by name. */
export type AgentTools = Readonly<Record<string, AgentTool>>;
