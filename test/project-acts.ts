import type { Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** The text of a mutation that takes one input. */
export const textOf = (mutation: string, fields = '__typename'): string => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
  const needed = mutation === 'stopTimer' ? '' : '!';
  return `mutation ($input: ${type}${needed}) { ${mutation}(input: $input) { ${fields} } }`;
};

/** Does something that must succeed, and gives its payload. */
export const did = async (person: Person, mutation: string, input: object, fields?: string): Promise<Data> => {
  const data: Data = await person.want(textOf(mutation, fields), { input });
  return data[mutation];
};

/** Does something that must be refused, and gives `CODE field` of what is said. */
export const refused = async (person: Person, mutation: string, input: object): Promise<string[]> => {
  const { errors } = await person.ask(textOf(mutation), { input });
  return errors.map(({ extensions: { code, field } }) =>
    [code, field].filter((each) => typeof each === 'string').join(' '),
  );
};
