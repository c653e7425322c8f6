import type { Person, Testbed } from '../testbed.ts';
import { Page, widgetIn } from '../visitors.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A widget of the workspace with a conversation that somebody has begun there. */
export const filledEmbed = async (
  bed: Testbed,
  owner: Person,
  workspaceId: string,
  word: string,
): Promise<Record<string, string>> => {
  const widget = await widgetIn(owner, workspaceId, { name: `${word} widget` });
  await new Page(bed, widget.publicId).enter({ visitorName: `${word} visitor` });
  const { embedWidget }: Data = await owner.want(
    'query ($id: ID!) { embedWidget(id: $id) { conversations(first: 1) { edges { node { id } } } } }',
    { id: widget.id },
  );
  return { EmbedWidget: widget.id, EmbedConversation: embedWidget.conversations.edges[0].node.id };
};
