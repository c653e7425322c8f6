import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { listOf, type Needs } from '../../database/list.ts';
import { bound, lazily, loadMany, loadOne } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { PromptTemplate, PromptTemplateVersion } from '../../generated/resolvers.ts';
import {
  promptTemplateLabels,
  promptTemplates,
  promptTemplateVersions,
  type PromptTemplateRow,
  type PromptTemplateVersionRow,
} from './tables.ts';

/** Stands for the newest version of every template; no label has this name. */
export const latest = 'latest';

export const promptTemplateById = loadOne(
  () =>
    database
      .select()
      .from(promptTemplates)
      .where(
        and(eq(promptTemplates.organizationId, bound.organizationId), sql`${promptTemplates.id} = any(${bound.keys})`),
      ),
  (template) => template.id,
);

export const promptTemplateVersionById = loadOne(
  () =>
    database
      .select()
      .from(promptTemplateVersions)
      .where(
        and(
          eq(promptTemplateVersions.organizationId, bound.organizationId),
          sql`${promptTemplateVersions.id} = any(${bound.keys})`,
        ),
      ),
  (version) => version.id,
);

/** The labels of templates in alphabetical order; their number is bounded. */
export const labelsByTemplate = loadMany(
  () =>
    database
      .select()
      .from(promptTemplateLabels)
      .where(
        and(
          eq(promptTemplateLabels.organizationId, bound.organizationId),
          sql`${promptTemplateLabels.templateId} = any(${bound.keys})`,
        ),
      )
      .orderBy(promptTemplateLabels.label),
  (label) => label.templateId,
);

/** Templates that the viewer sees. */
export const promptTemplateList = listOf({
  from: promptTemplates,
  columns: getTableColumns(promptTemplates),
  orders: {
    CREATED_AT: promptTemplates.createdAt,
    UPDATED_AT: promptTemplates.updatedAt,
    NAME: promptTemplates.name,
  },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    name: promptTemplates.name,
    category: promptTemplates.category,
    type: promptTemplates.type,
    groupId: promptTemplates.groupId,
    active: promptTemplates.active,
    createdById: promptTemplates.createdById,
    createdAt: promptTemplates.createdAt,
    updatedAt: promptTemplates.updatedAt,
  },
  needs: {
    labels: [],
    versions: [],
    usedBy: [],
    group: ['groupId'],
    createdBy: ['createdById'],
    editedBy: ['editedById'],
  } satisfies Needs<PromptTemplate, PromptTemplateRow>,
});

/** What a template held, newest first. */
export const versionsByTemplate = listOf({
  from: promptTemplateVersions,
  parent: promptTemplateVersions.templateId,
  columns: getTableColumns(promptTemplateVersions),
  orders: { VERSION: promptTemplateVersions.version },
  defaultOrder: { field: 'VERSION', direction: 'DESC' },
  needs: { editor: ['editorId'] } satisfies Needs<PromptTemplateVersion, PromptTemplateVersionRow>,
});

const grouped = database
  .select({
    organizationId: promptTemplates.organizationId,
    name: promptTemplates.category,
    templateCount: sql<number>`count(*)::integer`.as('template_count'),
  })
  .from(promptTemplates)
  .groupBy(promptTemplates.organizationId, promptTemplates.category)
  .as('categories');
/** Each access to a column of a subquery makes another one, and a list tells its columns apart. */
const { organizationId, name, templateCount } = grouped;

/** The categories of templates that the viewer sees, in alphabetical order. */
export const templateCategoryList = listOf({
  // The cast is safe: a list selects from it, and reads no more of a table than the columns it is told and `organizationId`.
  from: grouped as unknown as PgTable & { organizationId: PgColumn },
  id: organizationId,
  columns: { id: organizationId, name, templateCount },
  orders: { NAME: name },
  defaultOrder: { field: 'NAME', direction: 'ASC' },
});

/** What a template holds at one version. */
export interface TemplateText extends Pick<PromptTemplateRow, 'id' | 'type' | 'active' | 'version'> {
  readonly content: string;
  readonly variables: readonly string[];
}

const { version, content, variables } = promptTemplateVersions;

const ofLabelled = { templateId: sql.placeholder('templateId'), label: sql.placeholder('label') };
/** The version that a label stands for. Neither part depends on the row it is compared with, so that the version is found by its key. */
const labelledVersion = sql`case when ${ofLabelled.label} = ${latest} then (${database
  .select({ version: promptTemplates.version })
  .from(promptTemplates)
  .where(
    and(eq(promptTemplates.organizationId, bound.organizationId), eq(promptTemplates.id, ofLabelled.templateId)),
  )}) else (${database
  .select({ version: promptTemplateLabels.version })
  .from(promptTemplateLabels)
  .where(
    and(
      eq(promptTemplateLabels.organizationId, bound.organizationId),
      eq(promptTemplateLabels.templateId, ofLabelled.templateId),
      eq(promptTemplateLabels.label, ofLabelled.label),
    ),
  )}) end`;

const labelled = lazily(() =>
  Statement.select<TemplateText>(
    database
      .select({
        id: promptTemplates.id,
        type: promptTemplates.type,
        active: promptTemplates.active,
        version,
        content,
        variables,
      })
      .from(promptTemplateVersions)
      .innerJoin(
        promptTemplates,
        and(
          eq(promptTemplates.organizationId, promptTemplateVersions.organizationId),
          eq(promptTemplates.id, promptTemplateVersions.templateId),
        ),
      )
      .where(
        and(
          eq(promptTemplateVersions.organizationId, bound.organizationId),
          eq(promptTemplateVersions.templateId, ofLabelled.templateId),
          sql`${version} = ${labelledVersion}`,
        ),
      ),
  ),
);

/** What a template holds at the version of a label, in one statement; null where the unit sees no such template, or it has no such label. */
export const labelledText = async (
  bank: UnitOfWork,
  templateId: string,
  label: string,
): Promise<TemplateText | null> => {
  const [text] = await bank.select(labelled(), { organizationId: bank.organizationId, templateId, label });
  return text ?? null;
};

/** A template at one of its versions; null where the unit sees no such template, or it never had the version. */
export const versionOf = async (
  bank: UnitOfWork,
  templateId: string,
  wanted: number,
): Promise<PromptTemplateVersionRow | null> => {
  const [row] = await versionsOf(bank, templateId, [wanted]);
  return row ?? null;
};

/** Versions of a template, in one statement; those it never had are left out. */
export const versionsOf = (
  bank: UnitOfWork,
  templateId: string,
  wanted: readonly number[],
): Promise<PromptTemplateVersionRow[]> =>
  bank.run(() =>
    database
      .select()
      .from(promptTemplateVersions)
      .where(
        and(
          eq(promptTemplateVersions.organizationId, bank.organizationId),
          eq(promptTemplateVersions.templateId, templateId),
          sql`${version} = any(${`{${wanted.join(',')}}`}::integer[])`,
        ),
      ),
  );
