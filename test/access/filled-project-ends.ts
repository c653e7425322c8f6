import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type Ids = Readonly<Record<string, string | undefined>>;

/**
 * What joins the project of the workspace to the rest: links to an order, a conversation and a room, a task that came from the conversation, a prompt session that
 * belongs to it, and views of other lists that are shared with it.
 */
export const filledProjectEnds = async (owner: Person, ids: Ids, secret: string): Promise<Record<string, string>> => {
  const { Project: projectId, Conversation: conversationId, Order: orderId, Room: roomId } = ids;
  const act = async (name: string, input: object, selection: string): Promise<Data> => {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
    const data: Data = await owner.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
      input,
    });
    return data[name];
  };
  for (const end of [{ orderId }, { conversationId }, { roomId }])
    await act('linkProject', { projectId, ...end }, 'link { id }');
  await act('createTask', { projectId, conversationId, title: `${secret} question` }, 'task { id }');
  await act('setPromptSessionProject', { sessionId: ids.PromptSession, projectId }, 'promptSession { id }');
  const view = async (list: string): Promise<string> => {
    const input = { list, name: `${secret} ${list}`, audience: 'PROJECT', projectId };
    return (await act('createSavedView', input, 'savedView { id }')).savedView.id;
  };
  return {
    ProjectsView: await view('PROJECTS'),
    OrdersView: await view('ORDERS'),
    DocumentsView: await view('DOCUMENTS'),
    TimeView: await view('TIME_ENTRIES'),
  };
};
