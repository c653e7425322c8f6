import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Asked } from './asking.ts';

/** The workspace's system prompt as the model reads it, with its variables filled in for who asks, now and there. */
export const systemPromptFor = async (_unit: UnitOfWork, { workspace }: Asked): Promise<string> =>
  workspace.systemPrompt ?? '';
