const prefix = /^@agent\s+/i;

/** Whether a question is put to an agent. */
export const isForAgent = (text: string): boolean => prefix.test(text.trimStart());

/** The question without the word that calls the agent. */
export const withoutPrefix = (text: string): string => text.trimStart().replace(prefix, '');
