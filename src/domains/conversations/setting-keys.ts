import { z } from 'zod';
import { byKey, settingKey } from '../setting-key.ts';

export const defaultSystemPrompt = settingKey({
  key: 'chat.default_system_prompt',
  description:
    'System prompt of workspaces that have neither one of their own nor a template. Variables in braces are filled in, as in any. At most 20,000 characters.',
  shape: z.string().trim().max(20_000, 'A prompt has at most 20,000 characters.'),
  scopes: ['SYSTEM', 'ORGANIZATION'],
  visibility: 'PROTECTED',
  initial: () => '',
});

export const settingKeys = byKey(defaultSystemPrompt);
