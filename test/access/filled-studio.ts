import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A prompt session of the owner that is shared with all who see the workspace, with a prompt that was run once. */
export const filledStudio = async (
  owner: Person,
  workspaceId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const { createPromptSession }: Data = await owner.want(
    'mutation ($input: CreatePromptSessionInput!) { createPromptSession(input: $input) { promptSession { id } } }',
    { input: { title: `${secret} session`, prompt: secret, shareWith: { workspaceIds: [workspaceId] } } },
  );
  const { id } = createPromptSession.promptSession;
  const { runPrompt }: Data = await owner.want(
    'mutation ($input: RunPromptInput!) { runPrompt(input: $input) { prompt { id runs { id } } } }',
    { input: { sessionId: id, input: `${secret}?`, wait: true } },
  );
  return { PromptSession: id, Prompt: runPrompt.prompt.id, PromptRun: runPrompt.prompt.runs[0].id };
};
