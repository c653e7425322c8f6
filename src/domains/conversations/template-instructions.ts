import { wholeOf } from '../../database/unit-of-work.ts';
import { knowledgeOf } from '../knowledge/schema.ts';
import { labelledText, type TemplateText } from '../knowledge/template-loaders.ts';
import { filled } from '../modelhub/prompt-placeholders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import type { Means } from './asking.ts';
import { maxFilled, systemVariables, valuesFor, type Whom } from './system-prompt.ts';

/** Which template is used, at the version of which label, as it stands in the row of what uses it. */
export type TemplateChoice = Pick<WorkspaceRow, 'promptTemplateId' | 'promptTemplateLabel'>;

/** Instructions for a model, their variables filled in. */
export interface Instructions {
  readonly text: string;
  /** Whether they are a template's, and not the workspace's own. */
  readonly ofTemplate: boolean;
}

/**
 * The template that something is instructed by, at the version its label stands for now. It is read with the sight of the whole organization: the template
 * belongs to the workspace, whoever asks. No statement where none is chosen, else one; the unit holds no connection afterwards. Null where there is none that
 * can be used, which is logged, for an answer does not fail of it.
 */
export const templateOf = async (
  { unit, services }: Means,
  { promptTemplateId, promptTemplateLabel }: TemplateChoice,
): Promise<TemplateText | null> => {
  if (promptTemplateId === null || promptTemplateLabel === null) return null;
  const told = { promptTemplateId, promptTemplateLabel };
  await unit.rest();
  const whole = unit.as(wholeOf(unit.organizationId));
  try {
    const template = await labelledText(knowledgeOf(whole), promptTemplateId, promptTemplateLabel);
    if (template !== null && template.active && template.type === 'SYSTEM') return template;
    services.log.warn(told, 'A prompt template is gone, inactive or no longer of type SYSTEM.');
  } catch (error) {
    services.log.warn({ err: error, ...told }, 'A prompt template cannot be read.');
  } finally {
    await whole.rest();
  }
  return null;
};

/** The instructions by a template, its places filled from the prompt variables; where there is none that can be filled, which is logged, what `own` gives. */
export const instructedBy = async (
  means: Means,
  template: TemplateText | null,
  whom: Whom,
  own: () => Promise<string>,
): Promise<Instructions> => {
  if (template !== null) {
    const values = new Map([...unsaid(template), ...(await valuesFor(means, template.variables, whom))]);
    const result = filled(template.content, [Object.fromEntries(values)], maxFilled);
    if ('text' in result) return { text: result.text, ofTemplate: true };
    const { id: promptTemplateId, version } = template;
    means.services.log.warn({ promptTemplateId, version, ...result }, 'A prompt template cannot be filled.');
  }
  return { text: await own(), ofTemplate: false };
};

/** What the system knows of some and not of others, such as the name of who asks, stands in brackets where it is not known, as in system prompts. */
const unsaid = ({ variables }: TemplateText): [string, string][] =>
  variables.filter((name) => Object.hasOwn(systemVariables, name)).map((name) => [name, `[${name}]`]);

/** The variables of a template that not everybody who asks in a workspace has a value for. */
export const withoutValueIn = async (
  means: Means,
  variables: readonly string[],
  workspace: Whom['workspace'],
): Promise<string[]> => {
  const asked = variables.filter((name) => !Object.hasOwn(systemVariables, name));
  if (asked.length === 0) return [];
  const values = await valuesFor(means, asked, { userId: null, workspace });
  return asked.filter((name) => !values.has(name));
};
