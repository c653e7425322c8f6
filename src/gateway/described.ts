import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedDirective,
  isSpecifiedScalarType,
  type GraphQLSchema,
} from 'graphql';

interface Describable {
  readonly name: string;
  readonly description?: string | null | undefined;
}

/** Throws with the coordinates of all types, fields, arguments and values that have no description. */
export const assertDescribed = (schema: GraphQLSchema): void => {
  const silent = [...describables(schema)]
    .filter(([, thing]) => !thing.description?.trim())
    .map(([coordinate]) => coordinate);
  if (silent.length > 0) throw new Error(`These have no description in the SDL: ${silent.join(', ')}.`);
};

function* describables(schema: GraphQLSchema): Generator<[string, Describable]> {
  for (const directive of schema.getDirectives())
    if (!isSpecifiedDirective(directive)) yield [`@${directive.name}`, directive];
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) continue;
    yield [type.name, type];
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value];
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      yield [`${type.name}.${field.name}`, field];
      if ('args' in field)
        for (const argument of field.args) yield [`${type.name}.${field.name}(${argument.name})`, argument];
    }
  }
}
