/** Characters of an error's message that reach a client. */
export const MESSAGE_CHARACTERS = 200;

const SUGGESTION = 'Did you mean ';

/**
 * The message of a GraphQL error as it may leave: messages of parsing, validation and variables repeat what the client
 * sent, which may be anything of any length. Where the schema is private, what graphql-js proposes instead of an
 * unknown name goes as well; it stands at the message's end.
 */
export const clientMessage = (message: string, { suggestions }: { readonly suggestions: boolean }): string => {
  const suggestion = suggestions ? -1 : message.indexOf(SUGGESTION);
  const said = suggestion < 0 ? message : message.slice(0, suggestion).trimEnd();
  return said.length <= MESSAGE_CHARACTERS ? said : `${said.slice(0, MESSAGE_CHARACTERS - 1).toWellFormed()}…`;
};
