import {
  getOperationAST,
  isInterfaceType,
  Kind,
  OperationTypeNode,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import type { Context } from '../domains/context.ts';
import { prefixOf } from '../ids.ts';
import type { Variables } from './executor.ts';
import { codeOf } from './masking.ts';

type Run = (context: Context, variables: Variables) => Promise<ExecutionResult>;

/** Finds an argument's value among the variables of a request. */
type Reader = (variables: Variables) => unknown;

const maxAction = 200;
const maxName = 100;
/** No global id is longer. */
const maxId = 100;

/**
 * Notes each request of a member when it has been carried out, and a subscription when it has begun: what it asked for, and about what. Of its arguments it
 * keeps ids alone, and of its errors the code of the first.
 */
export const requestRecorder = (schema: GraphQLSchema) => {
  const node = schema.getType('Node');
  const types = new Map(
    (isInterfaceType(node) ? schema.getPossibleTypes(node) : []).map(({ name }) => [prefixOf(name), name]),
  );
  const typeOf = (prefix: string): string | undefined => types.get(prefix);
  return (document: DocumentNode, operationName: string | undefined) => {
    const operation = getOperationAST(document, operationName);
    const fields = operation ? rootFields(document, operation.selectionSet) : [];
    const [first] = fields;
    const subjectOf = first === undefined ? nothing : argumentOf(first, 'id');
    const workspaceOf = first === undefined ? nothing : argumentOf(first, 'workspaceId');
    const named = {
      action: [...new Set(fields.map(({ name }) => name.value))].join().slice(0, maxAction),
      operation: operation?.name?.value.slice(0, maxName) ?? null,
      mutation: operation?.operation === OperationTypeNode.MUTATION,
      typeOf,
    };
    return (run: Run): Run =>
      async (context, variables) => {
        const { viewer, origin, services } = context;
        if (viewer === null || services.requests === null) return run(context, variables);
        const beganAt = Date.now();
        const began = performance.now();
        let error: string | null = 'INTERNAL_SERVER_ERROR';
        try {
          const result = await run(context, variables);
          const [failure] = result.errors ?? [];
          error = failure === undefined ? null : codeOf(failure);
          return result;
        } finally {
          const subject = idIn(subjectOf(variables));
          const workspace = idIn(workspaceOf(variables));
          const durationMs = performance.now() - began;
          services.requests.note({ ...named, viewer, origin, subject, workspace, beganAt, durationMs, error });
        }
      };
  };
};

/** The fields at the root of an operation, those of fragments among them, in the order of the document. */
const rootFields = (document: DocumentNode, root: SelectionSetNode): FieldNode[] => {
  const fragments = new Map(
    document.definitions
      .filter((definition): definition is FragmentDefinitionNode => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment.selectionSet]),
  );
  const fieldsIn = ({ selections }: SelectionSetNode): FieldNode[] =>
    selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection];
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : fragments.get(selection.name.value);
      return inner === undefined ? [] : fieldsIn(inner);
    });
  return fieldsIn(root);
};

const nothing: Reader = () => undefined;

/** The argument of that name, or what the argument `input` holds under it. */
const argumentOf = ({ arguments: args = [] }: FieldNode, name: string): Reader => {
  const given = (wanted: string): ValueNode | undefined => args.find((each) => each.name.value === wanted)?.value;
  const own = given(name);
  const input = given('input');
  if (own !== undefined) return valueOf(own);
  if (input?.kind === Kind.VARIABLE) return (variables) => fieldOf(variables[input.name.value], name);
  if (input?.kind !== Kind.OBJECT) return nothing;
  const held = input.fields.find((field) => field.name.value === name)?.value;
  return held === undefined ? nothing : valueOf(held);
};

const valueOf = (value: ValueNode): Reader => {
  if (value.kind === Kind.VARIABLE) return (variables) => variables[value.name.value];
  return value.kind === Kind.STRING ? () => value.value : nothing;
};

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

const idIn = (value: unknown): string | null => (typeof value === 'string' && value.length <= maxId ? value : null);
