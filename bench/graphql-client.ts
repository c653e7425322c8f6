/** Sends GraphQL operations to one server as one person. */
export class GraphqlClient {
  readonly #url: string;
  readonly token: string | null;

  /** `url` is the server's, without a path; `token` is null for somebody who has not signed in. */
  constructor(url: string, token: string | null = null) {
    this.#url = url;
    this.token = token;
  }

  /** The data of an operation. Throws when there are errors. */
  async ask<Data>(query: string, variables: object): Promise<Data> {
    const authorization = this.token === null ? {} : { authorization: `Bearer ${this.token}` };
    const response = await fetch(`${this.#url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: Data; errors?: unknown };
    if (errors !== undefined) throw new Error(`The server refused: ${JSON.stringify(errors)}`);
    return data;
  }

  /** Signs up somebody with an organization of their own, and speaks for them. */
  async signedUp(name: string): Promise<GraphqlClient> {
    const input = { email: `${name}@example.com`, password: 'correct horse battery', name, organizationName: name };
    const { signUp } = await this.ask<{ signUp: { token: string } }>(
      'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }',
      { input },
    );
    return new GraphqlClient(this.#url, signUp.token);
  }
}
