import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { contextTokensOf, maxOutputTokensOf } from '../../ai/deployment.ts';
import { countTokens } from '../../ai/tokens.ts';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Scope, UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, QuotaExceeded, type InputIssue } from '../../errors.ts';
import type { RunPromptInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import type { ModelRequest } from './calls.ts';
import { modelById } from './loaders.ts';
import { beginOn, type ModelCall } from './model-call.ts';
import { filled } from './prompt-placeholders.ts';
import {
  givenIssues,
  isSession,
  lockSeenSession,
  maxPrompt,
  objectOf,
  refuse,
  requireLiving,
  schemaOf,
  writesText,
} from './prompt-rules.ts';
import { makeRun, type Asked, type GoingRun } from './prompt-running.ts';
import { promptRuns, prompts, promptSessions, type PromptRow, type PromptSessionRow } from './prompt-tables.ts';
import { routeFor, type Route } from './routing.ts';

const maxModels = 4;
const mostOutputTokens = 1_000_000;
/** What messages cost beside their texts, and the slack for tokenizers that count more than ours. */
const tokensBeside = 24;
const slack = 1.05;
/** Beyond the time-outs of the calls, in which a run is settled. */
const graceSeconds = 60;

const check = (field: string, fine: boolean, message: string): InputIssue[] => (fine ? [] : [{ field, message }]);

const issues = (input: RunPromptInput): InputIssue[] => {
  const { modelIds, temperature, maxOutputTokens } = input;
  const named = modelIds ?? [];
  return [
    ...givenIssues({ input: input.input, context: input.context, metadata: input.metadata }),
    ...check('modelIds', named.length <= maxModels && modelIds?.length !== 0, `This takes 1 to ${maxModels} models.`),
    ...check('modelIds', new Set(named).size === named.length, 'Each model is named once.'),
    ...check('temperature', within(temperature, 0, 2), 'A temperature is 0 to 2.'),
    ...check('maxOutputTokens', within(maxOutputTokens, 1, mostOutputTokens), 'This is 1 to 1,000,000.'),
  ];
};
const within = (value: number | null | undefined, min: number, max: number): boolean =>
  value === null || value === undefined || (value >= min && value <= max);

/** A text with its placeholders filled. Throws BadUserInput, which names what has no value. */
const filledText = (field: string, text: string, sets: readonly Readonly<Record<string, unknown>>[]): string => {
  const result = filled(text, sets, maxPrompt);
  if ('text' in result) return result.text;
  if ('tooLong' in result)
    throw new BadUserInput(field, `Filled, this has more than ${maxPrompt.toLocaleString('en')} characters.`);
  refuse(result.missing.map((name) => ({ field, message: `The placeholder {{${name}}} has no value.` })));
  return text;
};

const askedOf = async (session: PromptSessionRow, input: RunPromptInput): Promise<Asked> => {
  const sets = [objectOf(input.context), session.context];
  const system = filledText('sessionId', session.prompt, sets);
  const question = filledText('input', input.input, sets);
  const schema = schemaOf(input.responseSchema);
  const texts = [system, question, schema === null ? '' : JSON.stringify(schema.schema)];
  const counted = await Promise.all(texts.map(countTokens));
  const tokens = counted.reduce((sum, each) => sum + each, tokensBeside);
  return { system, question, schema, temperature: input.temperature ?? null, inputTokens: Math.ceil(tokens * slack) };
};

/** A model that a prompt is to be run with, and how. */
interface Candidate {
  readonly id: string;
  readonly request: ModelRequest;
  readonly route: Route;
}

/** The routes for a prompt, one for each of its models. Throws BadUserInput, Conflict (no key), NotFound, SwitchedOff. */
const candidatesFor = async (
  { unit, context }: { readonly unit: UnitOfWork; readonly context: Context },
  session: PromptSessionRow,
  input: RunPromptInput,
  { schema, inputTokens }: Asked,
): Promise<Candidate[]> => {
  const named = input.modelIds ?? [session.modelId];
  const needs: ModelRequest['needs'] = schema === null ? [] : ['STRUCTURED_OUTPUT'];
  const candidates: Candidate[] = [];
  for (const [at, modelId] of named.entries()) {
    const field = modelId === null ? 'responseSchema' : input.modelIds ? `modelIds.${at}` : 'sessionId';
    const keeps = ({ capabilities }: { readonly capabilities: readonly string[] }) =>
      needs.every((need) => capabilities.includes(need));
    const unfit = new BadUserInput(field, 'This model keeps to no schema: it lacks STRUCTURED_OUTPUT.');
    if (modelId !== null) {
      const model = await found('Model', modelId, modelById(unit));
      if (!writesText(model)) throw new BadUserInput(field, 'This model writes no text.');
      if (!keeps(model)) throw unfit;
    }
    const id = newId();
    const request: ModelRequest = {
      purpose: 'prompt',
      workspaceId: null,
      targetId: id,
      type: session.modelType,
      modelId,
      needs,
      inputTokens,
      maxOutputTokens: input.maxOutputTokens ?? null,
      tags: [],
      stickyTo: null,
    };
    const route = await routeFor(unit, context.services, request);
    const [{ model, deployment }] = route.callables;
    if (!keeps(model)) throw unfit;
    if (inputTokens + maxOutputTokensOf(deployment) > contextTokensOf(deployment))
      throw new BadUserInput('input', `With its instructions the prompt is too long for ${model.name}.`);
    candidates.push({ id, request, route });
  }
  return candidates;
};

/** Reserves a call; one that a bound has no room for leaves nothing behind, and the others go on. */
const reserved = async (unit: UnitOfWork, { route, request }: Candidate): Promise<ModelCall | QuotaExceeded> => {
  try {
    return await beginOn(unit, route, request);
  } catch (error) {
    if (!(error instanceof QuotaExceeded)) throw error;
    return error;
  }
};

/** Longest that a run can take: each deployment of its route has its time, one after another. */
const leaseSecondsOf = ({ callables }: Route): number =>
  callables.reduce((sum, { deployment }) => sum + Math.ceil(deployment.timeoutMs / 1000), graceSeconds);

/** Sees the whole organization in the viewer's name: a run ends also where its reader is gone. */
const wholeScope = ({ scope, organizationId }: UnitOfWork): Scope => ({
  ...scope,
  workspaces: '*',
  principals: [...new Set([...scope.principals, organizationId])],
});

/**
 * Stores a prompt with a run for each of its models, every call reserved, and lets the models answer side by side; with `wait` until all have ended.
 * Throws BadUserInput, Conflict (archived, no key), NotFound (session, model), QuotaExceeded (no room for any of the models), SwitchedOff.
 */
export const runPrompt = async (context: Context, input: RunPromptInput): Promise<PromptRow> => {
  refuse(issues(input));
  await context.unit.rest();
  const { userId } = viewerOf(context);
  const unit = context.unit.as(wholeScope(context.unit));
  const { prompt, going } = await unit.transact(async ({ organizationId }) => {
    const session = await lockSeenSession(context, input.sessionId);
    requireLiving(session, 'sessionId');
    const asked = await askedOf(session, input);
    const candidates = await candidatesFor({ unit, context }, session, input, asked);
    const { id: sessionId, readers } = session;
    const texts = { input: input.input, context: objectOf(input.context), metadata: objectOf(input.metadata) };
    const row = { organizationId, readers, sessionId, userId, ...texts };
    const stored = sole(await database.insert(prompts).values(row).returning());
    const runs: GoingRun[] = [];
    const refusals: QuotaExceeded[] = [];
    for (const [position, candidate] of candidates.entries()) {
      const call = await reserved(unit, candidate);
      const { model, provider } = candidate.route.callables[0];
      const place = { id: candidate.id, sessionId, promptId: stored.id };
      const names = { modelId: model.id, modelName: model.name, providerName: provider.name };
      const state =
        call instanceof QuotaExceeded
          ? { status: 'ERROR' as const, errorKind: 'QUOTA_EXCEEDED', errorMessage: call.message, endedAt: sql`now()` }
          : {
              executionId: call.executionId,
              leaseUntil: sql`now() + make_interval(secs => ${leaseSecondsOf(candidate.route)})`,
            };
      await database.insert(promptRuns).values({ organizationId, readers, ...place, position, ...names, ...state });
      if (call instanceof QuotaExceeded) refusals.push(call);
      else runs.push({ ...place, call, asked });
    }
    const [first] = refusals;
    if (runs.length === 0 && first !== undefined) throw first;
    await database
      .update(promptSessions)
      .set({ status: 'ACTIVE', promptCount: session.promptCount + 1, lastPromptAt: sql`now()` })
      .where(isSession(organizationId, sessionId));
    const data = { sessionId, runs: candidates.length };
    unit.record({ action: 'prompt.created', type: 'Prompt', id: stored.id, data });
    return { prompt: stored, going: runs };
  });
  const { services } = context;
  const done = Promise.all(going.map((each) => makeRun({ unit: unit.as(unit.scope), services }, each)));
  if (input.wait === true) {
    const most = Math.max(...going.map(({ call }) => leaseSecondsOf(call.route)));
    await Promise.race([done, pause(most * 1000, undefined, { ref: false })]);
  }
  return prompt;
};
