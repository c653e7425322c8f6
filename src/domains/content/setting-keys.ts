import { z } from 'zod';
import { DEFAULT_MAX_TOKENS, DEFAULT_OVERLAP_TOKENS, LEAST_MAX_TOKENS } from '../../search/chunking/chunk.ts';
import { byKey, settingKey } from '../setting-key.ts';
import type { Access } from './connectors/connector.ts';
import { serviceAddress } from './connectors/service-fetch.ts';

const tokens = (least: number, most: number) =>
  z
    .int(`This is a whole number of ${least} to ${most} tokens.`)
    .min(least, `This is a whole number of ${least} to ${most} tokens.`)
    .max(most, `This is a whole number of ${least} to ${most} tokens.`);

export const chunkTokens = settingKey({
  key: 'ingestion.chunk_tokens',
  description:
    'Most tokens of a passage that documents are cut into, 16 to 2048. Holds for what is read from then on: new documents, and those whose text or title changes.',
  shape: tokens(LEAST_MAX_TOKENS, 2048),
  scopes: ['SYSTEM', 'ORGANIZATION', 'WORKSPACE'],
  visibility: 'PROTECTED',
  initial: () => DEFAULT_MAX_TOKENS,
});

export const chunkOverlapTokens = settingKey({
  key: 'ingestion.chunk_overlap_tokens',
  description:
    'Most tokens that a passage repeats of the one before, 0 to 512; never more than a quarter of ingestion.chunk_tokens, whatever is set.',
  shape: tokens(0, 512),
  scopes: ['SYSTEM', 'ORGANIZATION', 'WORKSPACE'],
  visibility: 'PROTECTED',
  initial: () => DEFAULT_OVERLAP_TOKENS,
});

export const notionAddress = 'https://api.notion.com';
export const slackAddress = 'https://slack.com/api/';

const accessTo = (service: string, subject: string, baseUrl: string) =>
  settingKey<Access | null>({
    key: `connectors.${subject}`,
    description: `Access to ${service} for datasources that name no token of their own: token (1 to 500 characters) and baseUrl (${baseUrl} when absent), the one address that the token is sent to.`,
    shape: z.strictObject({
      token: z.string('A token has 1 to 500 characters.').min(1, 'A token has 1 to 500 characters.').max(500),
      baseUrl: serviceAddress.default(baseUrl),
    }),
    scopes: ['ORGANIZATION', 'WORKSPACE'],
    visibility: 'SECRET',
    initial: () => null,
  });

export const notionAccess = accessTo('Notion', 'notion', notionAddress);
export const slackAccess = accessTo('Slack', 'slack', slackAddress);

export const settingKeys = byKey(chunkTokens, chunkOverlapTokens, notionAccess, slackAccess);
