import type { InputIssue } from '../../errors.ts';
import { argumentsIn, faultOfPath } from './api-path.ts';
import type { ApiOperationRow } from './api-tables.ts';
import { argumentsOf, faultOfSchema, requiredOf } from './argument-schema.ts';

/** What an operation says. */
export type OperationSettings = Pick<
  ApiOperationRow,
  'name' | 'description' | 'method' | 'path' | 'parameters' | 'changes'
>;

/** What is wrong with an operation. */
export const faultsOfOperation = ({ name, description, path, parameters }: OperationSettings): InputIssue[] => {
  const issues: InputIssue[] = [];
  if (!/^[a-zA-Z0-9_]{1,64}$/.test(name))
    issues.push({ field: 'name', message: 'A name has 1 to 64 letters, digits and underscores.' });
  if (description.trim() === '' || description.length > 2000 || description.includes('\0'))
    issues.push({ field: 'description', message: 'A description has 1 to 2,000 characters.' });
  const pathFault = faultOfPath(path);
  if (pathFault !== null) issues.push({ field: 'path', message: pathFault });
  const schemaFault = faultOfSchema(parameters);
  if (schemaFault !== null) issues.push({ field: 'parameters', message: schemaFault });
  if (pathFault !== null || schemaFault !== null) return issues;
  const [described, required] = [argumentsOf(parameters), requiredOf(parameters)];
  const missing = argumentsIn(path).find((each) => !described.includes(each) || !required.includes(each));
  if (missing !== undefined)
    issues.push({ field: 'parameters', message: `The path needs ${missing}: describe it, and require it.` });
  return issues;
};
