/** What listeners of a run are told; the rows are read at delivery. */
export type AgentNotice =
  | { readonly kind: 'step'; readonly position: number }
  | { readonly kind: 'started' | 'waiting' | 'ended'; readonly callId: string }
  | { readonly kind: 'over' };

/** Where the notices of a run go. */
export const agentTopic = (invocationId: string): string => `agent:${invocationId}`;
