import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { MapperKind, mapSchema } from '@graphql-tools/utils';
import canonicalize from 'canonicalize';
import {
  defaultFieldResolver,
  getOperationAST,
  GraphQLError,
  Kind,
  OperationTypeNode,
  print,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type GraphQLFieldConfig,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { UnitOfWork } from '../database/unit-of-work.ts';
import type { Context, Viewer } from '../domains/context.ts';
import { claimKey, keptFor, keyId, keysById, storeResults, type Carried } from '../domains/platform/idempotency.ts';
import { BadUserInput, Conflict } from '../errors.ts';
import { merged, partOf, type Part } from './kept-answer.ts';

export type Variables = Record<string, unknown>;
export type Run = (context: Context, variables: Variables) => Promise<ExecutionResult>;
/** Compiles an operation of a document. */
type Compile = (document: DocumentNode, operationName: string | undefined) => Run;

const header = 'Idempotency-Key';
const maxKey = 255;
/** How long a repeat waits for what is being carried out. */
const patienceMs = 30_000;
const lookMs = 100;

/** Gives a context the key that its request came with; absent or empty ones give none. */
export const withIdempotencyKey = (context: Context, key: unknown): Context => {
  if (typeof key === 'string' && key !== '') context.idempotencyKey = key;
  return context;
};

/** Lets whoever wants to know hear which field of a mutation is resolved. */
export const withFieldsTold = (schema: GraphQLSchema): GraphQLSchema =>
  mapSchema(schema, {
    [MapperKind.MUTATION_ROOT_FIELD]: (field: GraphQLFieldConfig<unknown, Context>) => {
      const { resolve = defaultFieldResolver } = field;
      return {
        ...field,
        resolve: (source, args, context, info) => {
          const [node] = info.fieldNodes;
          if (node !== undefined) context.beginField?.(keyOf(node));
          return resolve(source, args, context, info);
        },
      };
    },
  });

/** Answers mutations that come under a key once: a repeat gets the answer of the first. All others pass as they are. */
export const carriedOutOnce = (
  document: DocumentNode,
  operationName: string | undefined,
  run: Run,
  compile: Compile,
): Run => {
  const operation = getOperationAST(document, operationName);
  if (operation?.operation !== OperationTypeNode.MUTATION) return run;
  return (context, variables) => {
    const { idempotencyKey, viewer } = context;
    // Nobody's key is anybody's: who is not signed in repeats at their own risk.
    if (idempotencyKey === undefined || viewer === null) return run(context, variables);
    return answered(new Asked(document, operation, { run, compile }, { context, variables, viewer, idempotencyKey }));
  };
};

/** Answers that are being made in this process, by organization, user and key: a repeat here waits without a connection. */
const underway = new Map<string, Promise<unknown>>();

const answered = async (asked: Asked): Promise<ExecutionResult> => {
  try {
    asked.requireKey();
    for (;;) {
      const before = underway.get(asked.name);
      if (before === undefined) break;
      await before;
    }
    const answer = asked.answer();
    const ended = answer.then(
      () => undefined,
      () => undefined,
    );
    underway.set(asked.name, ended);
    void ended.then(() => underway.delete(asked.name));
    return await answer;
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error] };
    throw error;
  }
};

interface Request {
  readonly context: Context;
  readonly variables: Variables;
  readonly viewer: Viewer;
  readonly idempotencyKey: string;
}

/** A mutation that was asked under a key. */
class Asked {
  readonly #document: DocumentNode;
  readonly #operation: OperationDefinitionNode;
  readonly #ways: { readonly run: Run; readonly compile: Compile };
  readonly #request: Request;
  readonly #fingerprint: string;
  /** The ids of the rows of its fields, by the names that the fields have in the answer. */
  readonly #ids: ReadonlyMap<string, string>;
  readonly name: string;

  constructor(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    ways: { readonly run: Run; readonly compile: Compile },
    request: Request,
  ) {
    this.#document = document;
    this.#operation = operation;
    this.#ways = ways;
    this.#request = request;
    const { viewer, idempotencyKey, variables } = request;
    this.#fingerprint = fingerprintOf(document, operation, variables);
    const owner = [viewer.organizationId, viewer.userId, idempotencyKey] as const;
    this.#ids = new Map(fieldsOf(operation).map((field) => [keyOf(field), keyId(...owner, keyOf(field))]));
    this.name = owner.join(' ');
  }

  /** Throws BadUserInput. */
  requireKey(): void {
    if (!/^[\x21-\x7e]+$/.test(this.#request.idempotencyKey) || this.#request.idempotencyKey.length > maxKey)
      throw new BadUserInput(header, `A key has 1 to ${maxKey} visible characters of ASCII.`);
    if (this.#ids.size !== this.#operation.selectionSet.selections.length)
      throw new BadUserInput(header, 'A mutation under a key names its fields themselves, each once.');
  }

  /** Throws Conflict. */
  async answer(): Promise<ExecutionResult> {
    for (const deadline = Date.now() + patienceMs; ;) {
      const carried = await this.#carried();
      const pending = [...carried.values()].find(({ encryptedResult }) => encryptedResult === null);
      if (pending === undefined) {
        if (carried.size === this.#ids.size) return merged(this.#ids.keys(), await this.#parts(carried));
        const result = await this.#carryOut(carried);
        if (result !== null) return result;
        continue;
      }
      if (Date.now() > deadline) throw unanswered(pending);
      await pause(lookMs);
    }
  }

  /** What was carried out under the key already, by field. Throws Conflict where that was something else. */
  async #carried(): Promise<ReadonlyMap<string, Carried>> {
    const rows = await keysById(this.#request.context.services, [...this.#ids.values()]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const found = [...this.#ids].flatMap(([field, id]) => {
      const row = byId.get(id);
      return row === undefined ? [] : [[field, row] as const];
    });
    if (found.some(([, { fingerprint }]) => fingerprint !== this.#fingerprint)) throw otherInput();
    return new Map(found);
  }

  async #parts(carried: ReadonlyMap<string, Carried>): Promise<Map<string, Part>> {
    const { keyRing } = this.#request.context.services;
    const parts = [...carried].map(async ([field, { encryptedResult }]) => {
      // The cast is safe: this class wrote it.
      const part = JSON.parse(await keyRing.decrypt(encryptedResult ?? '')) as Part;
      return [field, part] as const;
    });
    return new Map(await Promise.all(parts));
  }

  /** Carries out what was not yet, and keeps the answer. Null where somebody else was faster, so that theirs is the answer. */
  async #carryOut(carried: ReadonlyMap<string, Carried>): Promise<ExecutionResult | null> {
    const { context, variables } = this.#request;
    const claims = new Claims((field) => this.#claim(field), context);
    const result = await this.#rest(carried)(context, variables).finally(() => claims.end());
    const made = [...claims.made].map((field) => [field, partOf(result, field)] as const);
    await this.#keep(made);
    if (claims.lost) return null;
    if (carried.size === 0) return result;
    const others = [...this.#ids.keys()].filter((field) => !carried.has(field));
    const parts = await this.#parts(carried);
    for (const field of others) parts.set(field, partOf(result, field));
    return merged(this.#ids.keys(), parts);
  }

  /** The operation without the fields that were carried out before. */
  #rest(carried: ReadonlyMap<string, Carried>): Run {
    if (carried.size === 0) return this.#ways.run;
    const selections = fieldsOf(this.#operation).filter((field) => !carried.has(keyOf(field)));
    const rest = { ...this.#operation, selectionSet: { ...this.#operation.selectionSet, selections } };
    const definitions = this.#document.definitions.map((each) => (each === this.#operation ? rest : each));
    return this.#ways.compile({ ...this.#document, definitions }, this.#operation.name?.value);
  }

  /** True when this transaction is the one that carries the field out. */
  #claim(field: string): Promise<boolean> {
    const { viewer, context } = this.#request;
    const id = this.#ids.get(field) ?? '';
    const { organizationId } = viewer;
    const { requestId } = context.origin;
    return claimKey({ id, organizationId, requestId, fingerprint: this.#fingerprint });
  }

  async #keep(made: readonly (readonly [string, Part])[]): Promise<void> {
    const { services } = this.#request.context;
    const encrypted = made.map(async ([field, part]) => ({
      id: this.#ids.get(field) ?? '',
      result: await services.keyRing.encrypt(JSON.stringify(part)),
    }));
    // What was done stands, and is answered, whether or not a repeat gets the same.
    await storeResults(services, await Promise.all(encrypted)).catch((error: unknown) =>
      services.log.error({ err: error }, 'The answer of a mutation could not be kept for a repeat.'),
    );
  }
}

/** Somebody else has carried it out; nobody is told of this. */
class CarriedOut extends Error {}

/** The claims of one run: the first transaction of each field makes one. */
class Claims {
  readonly made = new Set<string>();
  lost = false;
  #field = '';
  readonly #context: Context;
  readonly #unit: UnitOfWork;

  constructor(claim: (field: string) => Promise<boolean>, context: Context) {
    this.#context = context;
    this.#unit = context.unit;
    const take = async (): Promise<void> => {
      if (this.made.has(this.#field) || (await claim(this.#field))) return;
      this.lost = true;
      throw new CarriedOut();
    };
    const committed = (): void => void this.made.add(this.#field);
    const { unit } = context;
    const claimApart = async (): Promise<void> => {
      if (this.made.has(this.#field)) return;
      await new UnitOfWork(unit.scope, unit.options).transact(take);
      committed();
    };
    context.unit = new UnitOfWork(unit.scope, { ...unit.options, once: { claim: take, committed, claimApart } });
    context.beginField = (field) => void (this.#field = field);
  }

  end(): void {
    delete this.#context.beginField;
    void this.#context.unit.rest();
    this.#context.unit = this.#unit;
  }
}

const keyOf = ({ alias, name }: FieldNode): string => alias?.value ?? name.value;

const fieldsOf = ({ selectionSet }: OperationDefinitionNode): FieldNode[] =>
  selectionSet.selections.filter((selection) => selection.kind === Kind.FIELD);

const fingerprintOf = (document: DocumentNode, operation: OperationDefinitionNode, variables: Variables): string => {
  const asked = canonicalize({ document: print(document), operation: operation.name?.value ?? null, variables });
  return createHash('sha256')
    .update(asked ?? '')
    .digest('hex');
};

const otherInput = () =>
  new Conflict(header, `This key was used for something else in the last ${keptFor}; take another one.`);

/** What was carried out stands; its answer is being made still, or was lost in a crash. */
const unanswered = ({ requestId }: Carried) =>
  new Conflict(header, 'This was begun already, and its answer is not known. What it has done stands.', { requestId });
