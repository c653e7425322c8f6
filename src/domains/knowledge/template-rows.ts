/** How many templates of a category one sees. */
export interface TemplateCategoryRow {
  readonly id: string;
  readonly name: string;
  readonly templateCount: number;
}

/** A template at the version of a label, as something that uses it names it. */
export interface ChosenPromptTemplateRow {
  readonly templateId: string;
  readonly label: string;
}
