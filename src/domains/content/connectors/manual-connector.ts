import { z } from 'zod';
import type { Connector } from './connector.ts';

/** A source with nothing to fetch: people put documents in it by hand. */
export const connector: Connector<Record<string, never>> = {
  kind: 'MANUAL',
  configuration: z.strictObject({}),
  secrets: [],
  list: async () => ({ items: [], next: null }),
  fetch: async () => 'GONE',
};
