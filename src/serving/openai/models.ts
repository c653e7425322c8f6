import { callableModels } from '../../domains/modelhub/model-names.ts';
import { knowledgeFor } from '../../domains/modelhub/routing-knowledge.ts';
import { anyModel } from '../../domains/modelhub/completions.ts';
import { seenWorkspaces } from '../../domains/tenancy/loaders.ts';
import { NotFound } from '../../errors.ts';
import { json } from '../../refusal.ts';
import type { Program } from './program.ts';

/** Models and workspaces of one answer. */
const most = 1000;

interface ModelObject {
  readonly id: string;
  readonly object: 'model';
  /** Seconds since 1970. */
  readonly created: number;
  readonly owned_by: string;
}

const secondsOf = (moment: string): number => Math.floor(Date.parse(moment) / 1000);

/** What can be called: the models for which there is a way, `auto`, and the workspaces whose documents the viewer reads. At most three statements, mostly one. */
const modelsOf = async ({ context: { unit, viewer, services } }: Program): Promise<ModelObject[]> => {
  const readsDocuments = viewer?.permissions.has('DOCUMENT_READ') === true;
  const [knowledge, workspaces] = await Promise.all([
    knowledgeFor(unit, services.routing),
    readsDocuments ? seenWorkspaces(unit, most) : [],
  ]);
  const all: ModelObject[] = [
    { id: anyModel, object: 'model', created: 0, owned_by: 'tessera' },
    ...callableModels(knowledge, most).map(({ name, provider, createdAt }): ModelObject => ({
      id: name,
      object: 'model',
      created: secondsOf(createdAt),
      owned_by: provider,
    })),
    ...workspaces.map(({ slug, createdAt }): ModelObject => ({
      id: `workspace/${slug}`,
      object: 'model',
      created: secondsOf(createdAt),
      owned_by: 'workspace',
    })),
  ];
  return all.slice(0, most);
};

/** `GET /v1/models`. */
export const listModels = async (program: Program): Promise<void> =>
  json(program.response, 200, { object: 'list', data: await modelsOf(program) });

/** `GET /v1/models/{id}`. Throws NotFound. */
export const describeModel = async (program: Program, id: string): Promise<void> => {
  const models = await modelsOf(program);
  const isNamed = (each: ModelObject) => each.id === `${each.owned_by}/${id}` && each.owned_by !== 'workspace';
  const model = models.find((each) => each.id === id) ?? models.find(isNamed);
  if (model === undefined) throw new NotFound('Model', id);
  json(program.response, 200, model);
};
