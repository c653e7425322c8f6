import { Unauthenticated } from '../../errors.ts';
import type { Context } from '../../domains/context.ts';
import { requirePermission } from '../../domains/permissions.ts';
import { bearerToken, contextOf } from '../../gateway/context.ts';
import { codeOf } from '../../gateway/masking.ts';
import { refuse } from '../../refusal.ts';
import type { Folder, FolderRequest } from '../folder.ts';
import { completeChat } from './chat-completions.ts';
import { embedInput } from './embeddings.ts';
import { tellFault, toldFault, unknownFault } from './faults.ts';
import { describeModel, listModels } from './models.ts';
import { whileOpen, type Program } from './program.ts';

type Answer = (program: Program) => Promise<void>;

/** What a request costs of the units that a user and an organization have for a minute. */
const costs = { call: 50, look: 10 } as const;

interface Action {
  /** Under which members see that they asked it. */
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly cost: number;
  readonly answer: Answer;
}

const actions: Readonly<Record<string, Action>> = {
  'chat/completions': { name: 'v1/chat/completions', method: 'POST', cost: costs.call, answer: completeChat },
  embeddings: { name: 'v1/embeddings', method: 'POST', cost: costs.call, answer: embedInput },
  models: { name: 'v1/models', method: 'GET', cost: costs.look, answer: listModels },
};

const modelPath = /^models\/(.+)$/;

const actionOf = (rest: string): Action | undefined => {
  const id = decoded(modelPath.exec(rest)?.[1]);
  if (id === undefined) return Object.hasOwn(actions, rest) ? actions[rest] : undefined;
  return { name: 'v1/models', method: 'GET', cost: costs.look, answer: (program) => describeModel(program, id) };
};

const decoded = (part: string | undefined): string | undefined => {
  try {
    return part === undefined ? undefined : decodeURIComponent(part);
  } catch {
    // It throws for what nobody encoded; then it names nothing.
    return undefined;
  }
};

const wrong = (code: string, message: string) => ({
  error: { message, type: 'invalid_request_error', code, param: null },
});

/**
 * `/v1/…`: models as OpenAI's clients call them (https://platform.openai.com/docs/api-reference), with a Tessera API key or session that holds
 * MODEL_CALL. Every call is routed, reserved and settled as any other.
 */
export const openai: Folder = async (folderRequest) => {
  const { request, response, rest, services, origin } = folderRequest;
  const action = actionOf(rest);
  response.setHeader('cache-control', 'no-store');
  if (action === undefined)
    return refuse(request, response, 404, wrong('unknown_url', 'There is nothing at this address.'));
  if (request.method !== action.method)
    return refuse(
      request,
      response.setHeader('allow', action.method),
      405,
      wrong('method_not_allowed', `This is asked by ${action.method}.`),
    );
  return whileOpen(response, async (signal) => {
    try {
      await answered(folderRequest, action, signal);
    } catch (error) {
      // Whoever hung up reads no answer.
      if (response.destroyed) return;
      const told = toldFault(error);
      if (told === null) services.log.error({ err: error, requestId: origin.requestId }, 'A program got no answer.');
      if (response.headersSent) response.destroy();
      else await tellFault(folderRequest, told ?? unknownFault(origin.requestId));
    }
  });
};

const answered = async (
  folderRequest: FolderRequest,
  { name, cost, answer }: Action,
  signal: AbortSignal,
): Promise<void> => {
  const { services, origin, request, charge } = folderRequest;
  const context = await contextOf(services, origin, bearerToken(request.headers.authorization));
  try {
    await charge(context, cost);
    const { viewer } = context;
    if (viewer === null) throw new Unauthenticated('The request carries no valid API key: Authorization: Bearer …');
    await noted(context, name, async () => {
      requirePermission(viewer, 'MODEL_CALL');
      await answer({ ...folderRequest, context, signal });
    });
  } finally {
    context.record?.end(`openai ${name}`, {}, false);
    await context.unit.rest();
  }
};

/** Notes what a member asked for once it has been answered. */
const noted = async (
  { viewer, origin, services }: Context,
  action: string,
  work: () => Promise<void>,
): Promise<void> => {
  if (viewer === null || services.requests === null) return work();
  const [beganAt, began] = [Date.now(), performance.now()];
  let error: string | null = null;
  try {
    await work();
  } catch (failure) {
    error = codeOf(failure);
    throw failure;
  } finally {
    const about = { operation: null, mutation: false, subject: null, workspace: null, typeOf: () => undefined };
    services.requests.note({ ...about, viewer, origin, action, beganAt, durationMs: performance.now() - began, error });
  }
};
