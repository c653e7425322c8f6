import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgPolicy,
  primaryKey,
  smallint,
  text,
  unique,
  uuid,
  vector,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core';
import { anybody, globalColumns, moment, oneOf, policies, word } from '../../database/tenant-table.ts';
import { eventColumns } from '../../events/tables.ts';
import { dimensions } from '../../search/hashing-embedding.ts';
import { chunkColumns, documentColumns } from '../../search/tables.ts';
import { knowledgeSchema, knowledgeTable } from './schema.ts';

/** How the bank of an organization is searched; no row stands for the defaults. */
export const banks = knowledgeTable(
  'banks',
  'organization',
  {
    /** ISO 639-1; chooses stemming and stop words. */
    language: text().notNull().default('en'),
    /** The model its texts and queries are embedded with; null: the built-in one. */
    embeddingModelId: uuid(),
    /** The model its texts are being embedded with beside that one; it takes over when all are. Null: no change is under way. */
    nextEmbeddingModelId: uuid(),
    /** Whether passages do not follow the settings yet: they are in another language, or a model is to take over. */
    behind: boolean().notNull().default(false),
  },
  (bank) => [
    unique('banks_organization_id_key').on(bank.organizationId),
    index('banks_behind_index')
      .on(bank.organizationId)
      .where(sql`${bank.behind}`),
    // Which banks wait is asked as the tables' owner, by `knowledge.waiting_banks()`.
    pgPolicy('banks_owner', { to: 'current_role', for: 'select', using: sql`true` }),
  ],
);
export type BankRow = typeof banks.$inferSelect;

export const entryStatuses = ['DRAFT', 'PUBLISHED'] as const;

/**
 * Who sees what is shared in a group, or with all: administrators see everything; a draft is its author's and its group's.
 * Kept by the database, so that no operation can forget it.
 */
const readersOf = (draft: string) =>
  sql.raw(`case
    when ${draft} then array_remove(array[organization_id, created_by_id, group_id], null)
    when group_id is not null then array[organization_id, group_id]
  end`);

/** What an organization knows: answers draw on it beside documents. */
export const knowledgeEntries = knowledgeTable(
  'entries',
  'shared',
  {
    title: text().notNull(),
    content: text().notNull(),
    category: text().notNull(),
    subcategory: text(),
    /** In lower case, without repetitions. */
    tags: text()
      .array()
      .notNull()
      .default(sql`'{}'`),
    /** The group whose members it is for; null: all. */
    groupId: uuid(),
    /** A draft is in no answer. */
    status: word(entryStatuses).notNull().default('DRAFT'),
    publishedAt: moment(),
    /** An inactive one is kept, and is in no answer. */
    active: boolean().notNull().default(true),
    /** Answers to visitors of web pages may use it too. Not for those of a group. */
    forVisitors: boolean().notNull().default(false),
    readers: uuid()
      .array()
      .generatedAlwaysAs(
        sql`case when status = 'PUBLISHED' and for_visitors then array['${sql.raw(anybody)}'::uuid] else ${readersOf("status = 'DRAFT'")} end`,
      ),
    /** Counts the texts it has had, from 1; kept by a trigger. */
    version: integer().notNull().default(1),
    /** What an update says of itself; a trigger moves it into the version that the update makes. */
    changeSummary: text(),
    createdById: uuid(),
    /** Who wrote the newest version; kept by a trigger. */
    editedById: uuid(),
    /** Free-form, at most 16 kB. */
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** What its passages were analysed in; null: it has none yet. */
    language: text(),
    /** Whether each of its passages has a vector of the bank's model, as far as it can have one. */
    embedded: boolean().notNull().default(false),
    ...documentColumns(),
  },
  (entry) => [
    index('entries_unembedded_index')
      .on(entry.organizationId, entry.id)
      .where(sql`not ${entry.embedded}`),
    pgPolicy('entries_owner', { to: 'current_role', for: 'select', using: sql`true` }),
    oneOf('entries', entry.status, entryStatuses),
    check('entries_published_at_check', sql`(${entry.status} = 'PUBLISHED') = (${entry.publishedAt} is not null)`),
    check('entries_for_visitors_check', sql`not ${entry.forVisitors} or ${entry.groupId} is null`),
    index('entries_created_at_index').on(entry.organizationId, entry.createdAt, entry.id),
    index('entries_updated_at_index').on(entry.organizationId, entry.updatedAt, entry.id),
    index('entries_title_index').on(entry.organizationId, entry.title, entry.id),
    index('entries_category_index').on(entry.organizationId, entry.category, entry.createdAt, entry.id),
    index('entries_group_id_index').on(entry.organizationId, entry.groupId, entry.createdAt, entry.id),
    index('entries_status_index').on(entry.organizationId, entry.status, entry.createdAt, entry.id),
    index('entries_tags_index').using('gin', entry.tags),
  ],
);
export type KnowledgeEntryRow = typeof knowledgeEntries.$inferSelect;

const ofEntry = (table: string, part: { organizationId: AnyPgColumn; entryId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_entry_id_fkey`,
    columns: [part.organizationId, part.entryId],
    foreignColumns: [knowledgeEntries.organizationId, knowledgeEntries.id],
  }).onDelete('cascade');

/** What an entry held at one version, the newest one included; written by a trigger and never changed. */
export const knowledgeVersions = knowledgeTable(
  'entry_versions',
  'shared',
  {
    /** As the entry's, kept by a trigger. */
    readers: uuid().array(),
    entryId: uuid().notNull(),
    version: integer().notNull(),
    title: text().notNull(),
    content: text().notNull(),
    category: text().notNull(),
    subcategory: text(),
    tags: text().array().notNull(),
    changeSummary: text(),
    /** Who wrote it; null: from outside the product, or who is gone. */
    editorId: uuid(),
  },
  (version) => [
    unique('entry_versions_version_key').on(version.organizationId, version.entryId, version.version),
    ofEntry('entry_versions', version),
  ],
);
export type KnowledgeVersionRow = typeof knowledgeVersions.$inferSelect;

/** A passage of an entry, as it is searched. */
export const entryChunks = knowledgeTable(
  'entry_chunks',
  'shared',
  {
    /** As the entry's, kept by a trigger. */
    readers: uuid().array(),
    entryId: uuid().notNull(),
    /** Place in the entry, counted from 0. */
    position: integer().notNull(),
    text: text().notNull(),
    /** Headings above the passage, outermost first. */
    headings: text().array().notNull(),
    /** Offsets into the entry's content, in UTF-16 code units. */
    start: integer().notNull(),
    end: integer().notNull(),
    /** Model tokens. */
    tokens: integer().notNull(),
    ...chunkColumns(),
    /** SHA-256 of what is embedded, hexadecimal. */
    hash: text().notNull(),
  },
  (chunk) => [
    unique('entry_chunks_position_key').on(chunk.organizationId, chunk.entryId, chunk.position),
    check('entry_chunks_span_check', sql`${chunk.start} >= 0 and ${chunk.end} > ${chunk.start}`),
    ofEntry('entry_chunks', chunk),
  ],
);
export type EntryChunkRow = typeof entryChunks.$inferSelect;

const postingParts = {
  readers: uuid().array(),
  term: text().notNull(),
  chunkId: uuid().notNull(),
  frequency: smallint().notNull(),
  /** Terms of the passage, repetitions counted; repeated here so that scoring reads no other table. */
  termCount: integer().notNull(),
};

/** One row for each distinct term of a passage, kept by a trigger. */
export const entryPostings = knowledgeSchema.table(
  'entry_postings',
  { organizationId: uuid().notNull(), ...postingParts },
  (posting) => [
    // A migration makes the key cover all that scoring reads, which cannot be said here.
    primaryKey({ name: 'entry_postings_pkey', columns: [posting.organizationId, posting.term, posting.chunkId] }),
    ...policies('entry_postings', 'shared', postingParts),
  ],
);

const embeddingParts = {
  readers: uuid().array(),
  chunkId: uuid().notNull(),
  model: text().notNull(),
  /** Unit length. */
  embedding: vector({ dimensions }).notNull(),
  /** As the passage's, kept by a trigger. */
  enabled: boolean().notNull().default(true),
};

/** The vectors of passages, one for each model, so that two models can stand side by side while passages are embedded anew. */
export const entryEmbeddings = knowledgeSchema.table(
  'entry_embeddings',
  { organizationId: uuid().notNull(), ...embeddingParts },
  (embedding) => [
    primaryKey({
      name: 'entry_embeddings_pkey',
      columns: [embedding.organizationId, embedding.chunkId, embedding.model],
    }),
    ...policies('entry_embeddings', 'shared', embeddingParts),
    foreignKey({
      name: 'entry_embeddings_chunk_id_fkey',
      columns: [embedding.organizationId, embedding.chunkId],
      foreignColumns: [entryChunks.organizationId, entryChunks.id],
    }).onDelete('cascade'),
    index('entry_embeddings_model_index').on(embedding.organizationId, embedding.model),
    index('entry_embeddings_hnsw_index').using('hnsw', embedding.embedding.op('vector_cosine_ops')),
  ],
);

export const templateTypes = ['SYSTEM', 'USER', 'ASSISTANT'] as const;

/** A text for models with places for values. */
export const promptTemplates = knowledgeTable(
  'prompt_templates',
  'shared',
  {
    name: text().notNull(),
    description: text(),
    category: text().notNull(),
    type: word(templateTypes).notNull(),
    content: text().notNull(),
    /** Names of the places in the content, in the order of their first mention. */
    variables: text().array().notNull(),
    /** The group whose members it is for; null: all. */
    groupId: uuid(),
    active: boolean().notNull().default(true),
    readers: uuid()
      .array()
      .generatedAlwaysAs(sql`${readersOf('false')}`),
    /** Counts the texts it has had, from 1; kept by a trigger. */
    version: integer().notNull().default(1),
    /** What an update says of itself; a trigger moves it into the version that the update makes. */
    changeSummary: text(),
    createdById: uuid(),
    /** Who wrote the newest version; kept by a trigger. */
    editedById: uuid(),
  },
  (template) => [
    oneOf('prompt_templates', template.type, templateTypes),
    unique('prompt_templates_name_key').on(template.organizationId, template.name),
    index('prompt_templates_created_at_index').on(template.organizationId, template.createdAt, template.id),
    index('prompt_templates_updated_at_index').on(template.organizationId, template.updatedAt, template.id),
    index('prompt_templates_category_index').on(
      template.organizationId,
      template.category,
      template.createdAt,
      template.id,
    ),
    index('prompt_templates_group_id_index').on(
      template.organizationId,
      template.groupId,
      template.createdAt,
      template.id,
    ),
  ],
);
export type PromptTemplateRow = typeof promptTemplates.$inferSelect;

/** What a template held at one version, the newest one included; written by a trigger and never changed. */
export const promptTemplateVersions = knowledgeTable(
  'prompt_template_versions',
  'shared',
  {
    /** As the template's, kept by a trigger. */
    readers: uuid().array(),
    templateId: uuid().notNull(),
    version: integer().notNull(),
    content: text().notNull(),
    variables: text().array().notNull(),
    changeSummary: text(),
    /** Who wrote it; null: from outside the product, or who is gone. */
    editorId: uuid(),
  },
  (version) => [
    unique('prompt_template_versions_version_key').on(version.organizationId, version.templateId, version.version),
    foreignKey({
      name: 'prompt_template_versions_template_id_fkey',
      columns: [version.organizationId, version.templateId],
      foreignColumns: [promptTemplates.organizationId, promptTemplates.id],
    }).onDelete('cascade'),
  ],
);
export type PromptTemplateVersionRow = typeof promptTemplateVersions.$inferSelect;

/** A name that stands for one version of a template, such as `production`. */
export const promptTemplateLabels = knowledgeTable(
  'prompt_template_labels',
  'shared',
  {
    /** As the template's, kept by a trigger. */
    readers: uuid().array(),
    templateId: uuid().notNull(),
    label: text().notNull(),
    version: integer().notNull(),
    /** Who moved it last. */
    movedById: uuid(),
  },
  (label) => [
    unique('prompt_template_labels_label_key').on(label.organizationId, label.templateId, label.label),
    index('prompt_template_labels_version_index').on(label.organizationId, label.templateId, label.version),
    foreignKey({
      name: 'prompt_template_labels_version_fkey',
      columns: [label.organizationId, label.templateId, label.version],
      foreignColumns: [
        promptTemplateVersions.organizationId,
        promptTemplateVersions.templateId,
        promptTemplateVersions.version,
      ],
    }).onDelete('cascade'),
  ],
);
export type PromptTemplateLabelRow = typeof promptTemplateLabels.$inferSelect;

export const trainingTypes = ['CONVERSATION', 'FAQ', 'DOCUMENT'] as const;
export const trainingStatuses = ['PENDING', 'VALIDATED', 'REJECTED'] as const;

/** What a model should say to something, for training it. */
export const trainingExamples = knowledgeTable(
  'training_examples',
  'shared',
  {
    type: word(trainingTypes).notNull(),
    input: text().notNull(),
    /** Null until somebody has said it. */
    expectedOutput: text(),
    intent: text(),
    entities: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** How sure it is, 0 to 1. */
    confidence: doublePrecision(),
    /** The same for the order: those of which it is not known stand below all others. */
    rankedConfidence: doublePrecision()
      .notNull()
      .generatedAlwaysAs(sql`coalesce(confidence, -1)`),
    groupId: uuid(),
    readers: uuid()
      .array()
      .generatedAlwaysAs(sql`${readersOf('false')}`),
    status: word(trainingStatuses).notNull().default('PENDING'),
    /** Who looked at it, who is neither its author nor who changed it last, and when. */
    validatedById: uuid(),
    validatedAt: moment(),
    /** Why it was rejected. */
    rejectionReason: text(),
    /** When it was first exported for training; null: it has not been used. */
    usedAt: moment(),
    /** The job whose file holds it as it is, until the job has marked it as used; null: none. */
    exportJobId: uuid(),
    createdById: uuid(),
    /** Who changed it last; null: nobody since it was made. */
    editedById: uuid(),
    /** The answer it was made from. */
    messageId: uuid(),
    conversationId: uuid(),
    /** SHA-256 of type, input and expected output as they are compared, hexadecimal. */
    fingerprint: text().notNull(),
  },
  (example) => [
    oneOf('training_examples', example.type, trainingTypes),
    oneOf('training_examples', example.status, trainingStatuses),
    check('training_examples_confidence_check', sql`${example.confidence} between 0 and 1`),
    check(
      'training_examples_validated_at_check',
      sql`(${example.status} = 'PENDING') = (${example.validatedAt} is null)`,
    ),
    unique('training_examples_fingerprint_key').on(example.organizationId, example.fingerprint),
    index('training_examples_created_at_index').on(example.organizationId, example.createdAt, example.id),
    index('training_examples_status_index').on(example.organizationId, example.status, example.createdAt, example.id),
    index('training_examples_type_index').on(example.organizationId, example.type, example.createdAt, example.id),
    index('training_examples_group_id_index').on(
      example.organizationId,
      example.groupId,
      example.createdAt,
      example.id,
    ),
    index('training_examples_message_id_index').on(example.organizationId, example.messageId),
    index('training_examples_confidence_index').on(example.organizationId, example.rankedConfidence, example.id),
    // Of most exports: what was used before is not looked at again.
    index('training_examples_unused_index')
      .on(example.organizationId, example.createdAt, example.id)
      .where(sql`${example.status} = 'VALIDATED' and ${example.usedAt} is null`),
    index('training_examples_export_job_id_index')
      .on(example.organizationId, example.exportJobId)
      .where(sql`${example.exportJobId} is not null`),
  ],
);
export type TrainingExampleRow = typeof trainingExamples.$inferSelect;

/**
 * Changes made in a database of the bank's own, on their way to the log of their organization: a queue of the installation, empty but for moments, and read by
 * whoever carries them over.
 */
export const outbox = knowledgeSchema.table(
  'outbox',
  { ...globalColumns(), organizationId: uuid().notNull(), workspaceId: uuid(), ...eventColumns() },
  (entry) => [index('outbox_organization_id_index').on(entry.organizationId, entry.id)],
);

/** Events of the installation that the bank has acted on, such as the erasure of an organization: each once. */
export const heardEvents = knowledgeSchema.table('heard_events', globalColumns());

/** The tables of the bank as search reads them. */
export const entrySearchTables = {
  documents: knowledgeEntries,
  chunks: entryChunks,
  documentId: entryChunks.entryId,
  postings: entryPostings,
  embeddings: entryEmbeddings,
};
