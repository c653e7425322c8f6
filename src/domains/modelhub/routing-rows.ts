import type { HealthState } from '../../ai/deployment-health.ts';
import type { ConditionName } from './routing-matching.ts';
import type { Fault } from './candidates.ts';

/** Whose key a model is called with. */
export type KeySource = 'ORGANIZATION' | 'PLATFORM' | 'NONE';

/** What one process saw of a deployment. */
export interface DeploymentHealthRow {
  readonly modelId: string;
  readonly keySource: KeySource;
  readonly state: HealthState;
  readonly calls: number;
  readonly failures: number;
  /** Milliseconds since 1970. */
  readonly coolingUntil: number | null;
}

/** A rule that was looked at. */
export interface RouteRuleRow {
  readonly id: string;
  readonly name: string;
  readonly priority: number;
  readonly ofPlatform: boolean;
  readonly failed: readonly ConditionName[];
  readonly decides: boolean;
}

/** A model that a call may go to. */
export interface RouteModelRow {
  /** The one that is named. */
  readonly modelId: string;
  /** The one that is called; null where none is. */
  readonly calledId: string | null;
  readonly weight: number;
  readonly share: number;
  readonly usable: boolean;
  readonly fault: Fault | null;
  readonly keySource: KeySource;
  readonly health: readonly DeploymentHealthRow[];
  readonly inputPrice: string | null;
  readonly outputPrice: string | null;
  readonly worstCost: string | null;
}

/** A model with a key that a call would try. */
export interface RouteDeploymentRow {
  readonly modelId: string;
  readonly keySource: KeySource;
}
