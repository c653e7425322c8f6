import type { SettingKey } from '../setting-key.ts';
import type { SettingValues } from '../tenancy/setting-values.ts';
import type { SettingAccess } from './setting-access.ts';

/** A setting as it is at a place. */
export interface SettingRow {
  readonly entry: SettingKey;
  readonly access: SettingAccess;
  readonly values: SettingValues;
}
