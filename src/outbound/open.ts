import { Agent } from 'node:https';
import type { Outbound } from './outbound.ts';

/** Opens the way out for requests to addresses that users name. */
export const openOutbound = (_settings: { allowPrivateAddresses: boolean }): Outbound & { close(): Promise<void> } => {
  const agent = new Agent();
  return { fetch, agent, close: async () => agent.destroy() };
};
