import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** An event of the owner in the filled workspace. */
export const filledEvents = async (
  owner: Person,
  workspaceId: string,
  secret: string,
): Promise<Record<string, string>> => {
  await owner.want('mutation ($input: RecordEventsInput!) { recordEvents(input: $input) { recorded } }', {
    input: { events: [{ name: secret.toLowerCase(), workspaceId, session: secret, properties: { secret } }] },
  });
  const { analyticsEvents }: Data = await owner.want(
    'query ($session: String!) { analyticsEvents(first: 1, filter: { session: { eq: $session } }) { edges { node { id } } } }',
    { session: secret },
  );
  const { eventLog }: Data = await owner.want(
    'query ($id: ID!) { eventLog(first: 1, filter: { workspaceId: { eq: $id } }) { edges { node { id } } } }',
    { id: workspaceId },
  );
  return { AnalyticsEvent: analyticsEvents.edges[0].node.id, EventLogEntry: eventLog.edges[0].node.id };
};
