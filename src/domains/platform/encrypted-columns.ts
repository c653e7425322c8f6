/** A column whose values the key ring encrypts (JWE). */
export interface EncryptedColumn {
  readonly table: string;
  readonly column: string;
  /** Whose rows they are, which says who sees them: the installation's, an organization's, or one person's alone. */
  readonly holder: 'INSTALLATION' | 'ORGANIZATION' | 'PERSON';
}

/**
 * All columns of the product that hold encrypted text, so that a change of keys forgets none. A new one is called `encrypted_…` and stands here: a
 * test compares the list with the catalogue, and with the places that encrypt.
 */
export const encryptedColumns: readonly EncryptedColumn[] = [
  { table: 'platform_provider_keys', column: 'encrypted_key', holder: 'INSTALLATION' },
  { table: 'system_setting_values', column: 'encrypted_value', holder: 'INSTALLATION' },
  { table: 'idempotency_keys', column: 'encrypted_result', holder: 'INSTALLATION' },
  { table: 'users', column: 'web_push_subscription', holder: 'INSTALLATION' },
  { table: 'two_factors', column: 'secret', holder: 'PERSON' },
  { table: 'api_configurations', column: 'encrypted_key', holder: 'ORGANIZATION' },
  { table: 'datasources', column: 'encrypted_secrets', holder: 'ORGANIZATION' },
  { table: 'organization_setting_values', column: 'encrypted_value', holder: 'ORGANIZATION' },
  { table: 'workspace_setting_values', column: 'encrypted_value', holder: 'ORGANIZATION' },
  { table: 'provider_keys', column: 'encrypted_key', holder: 'ORGANIZATION' },
  { table: 'webhook_subscriptions', column: 'encrypted_secret', holder: 'ORGANIZATION' },
  { table: 'webhook_subscriptions', column: 'encrypted_previous_secret', holder: 'ORGANIZATION' },
];
