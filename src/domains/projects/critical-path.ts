/** A task to be scheduled; its duration is a whole number, of whatever unit. */
export interface Activity {
  readonly id: string;
  /** Tells tasks apart that stand at the same place. */
  readonly number: number;
  readonly duration: number;
}

/** The second task can begin once the first is done; both are indexes into the list of tasks. */
export type Edge = readonly [before: number, after: number];

/** When a task can and must begin and end, counted from the start of the work. */
export interface Timing {
  /** Index into the list of tasks. */
  readonly index: number;
  readonly earliestStart: number;
  readonly earliestFinish: number;
  readonly latestStart: number;
  readonly latestFinish: number;
  /** By how much it can be late without the whole being late. */
  readonly slack: number;
  /** Tasks of the longest row of tasks before it, by their number; what waits for another stands deeper than it. */
  readonly depth: number;
}

export interface Schedule {
  /** How long the whole takes when all that can be done side by side is. */
  readonly total: number;
  /** All tasks by their earliest start, their depth and their number: each behind those that it waits for. */
  readonly timings: readonly Timing[];
  /** One longest row of tasks, in order; of several the one with the smallest numbers. */
  readonly path: readonly Timing[];
}

/** Neighbours of each node, one after the other in one array: those of `n` from `starts[n]` to before `starts[n + 1]`. */
interface Neighbours {
  readonly starts: Int32Array;
  readonly all: Int32Array;
}

const neighboursOf = (size: number, edges: readonly Edge[], side: 0 | 1): Neighbours => {
  const starts = new Int32Array(size + 1);
  for (const edge of edges) starts[edge[side] + 1] = (starts[edge[side] + 1] ?? 0) + 1;
  for (let node = 0; node < size; node += 1) starts[node + 1] = (starts[node + 1] ?? 0) + (starts[node] ?? 0);
  const next = starts.slice(0, size);
  const all = new Int32Array(edges.length);
  for (const edge of edges) {
    const node = edge[side];
    const place = next[node] ?? 0;
    all[place] = edge[side === 0 ? 1 : 0];
    next[node] = place + 1;
  }
  return { starts, all };
};

const at = ({ starts, all }: Neighbours, node: number): Int32Array =>
  all.subarray(starts[node] ?? 0, starts[node + 1] ?? 0);

/** Nodes so that each stands behind those before it (A. B. Kahn, “Topological sorting of large networks”, 1962). */
const topological = (size: number, before: Neighbours, after: Neighbours): Int32Array => {
  const awaited = Int32Array.from({ length: size }, (_, node) => at(before, node).length);
  const order = new Int32Array(size);
  let length = 0;
  for (let node = 0; node < size; node += 1) if (awaited[node] === 0) order[length++] = node;
  for (let next = 0; next < length; next += 1)
    for (const node of at(after, order[next] ?? 0)) {
      awaited[node] = (awaited[node] ?? 0) - 1;
      if (awaited[node] === 0) order[length++] = node;
    }
  if (length < size) throw new Error('The tasks wait for each other in a circle.');
  return order;
};

/**
 * The critical path method (J. E. Kelley, M. R. Walker, “Critical-Path Planning and Scheduling”, 1959): a pass forward for the earliest times, one
 * backward for the latest. Linear in tasks and edges, but for the sorting of the answer. Throws for a cycle.
 */
export const scheduleOf = (activities: readonly Activity[], edges: readonly Edge[]): Schedule => {
  const size = activities.length;
  const [after, before] = [neighboursOf(size, edges, 0), neighboursOf(size, edges, 1)];
  const order = topological(size, before, after);
  const duration = (node: number): number => activities[node]?.duration ?? 0;
  const [starts, depths, ends] = [new Float64Array(size), new Int32Array(size), new Float64Array(size)];
  let total = 0;
  for (const node of order) {
    for (const earlier of at(before, node)) {
      starts[node] = Math.max(starts[node] ?? 0, (starts[earlier] ?? 0) + duration(earlier));
      depths[node] = Math.max(depths[node] ?? 0, (depths[earlier] ?? 0) + 1);
    }
    total = Math.max(total, (starts[node] ?? 0) + duration(node));
  }
  ends.fill(total);
  for (const node of order.toReversed())
    for (const later of at(after, node)) ends[node] = Math.min(ends[node] ?? 0, (ends[later] ?? 0) - duration(later));
  const timed = Array.from({ length: size }, (_, index) => {
    const [earliestStart, latestFinish] = [starts[index] ?? 0, ends[index] ?? 0];
    const latestStart = latestFinish - duration(index);
    const earliestFinish = earliestStart + duration(index);
    const slack = latestStart - earliestStart;
    return { index, earliestStart, earliestFinish, latestStart, latestFinish, slack, depth: depths[index] ?? 0 };
  });
  const number = ({ index }: Timing): number => activities[index]?.number ?? 0;
  const first = (a: Timing, b: Timing): number =>
    a.earliestStart - b.earliestStart || a.depth - b.depth || number(a) - number(b);
  return { total, timings: timed.toSorted(first), path: pathThrough(timed, after, number) };
};

/** From a task without slack that waits for nobody, on to those without slack that begin where the last one ends. */
const pathThrough = (timed: readonly Timing[], after: Neighbours, number: (timing: Timing) => number): Timing[] => {
  const smallest = (timings: readonly Timing[]): Timing | undefined => {
    let found: Timing | undefined;
    for (const timing of timings) if (found === undefined || number(timing) < number(found)) found = timing;
    return found;
  };
  const path: Timing[] = [];
  let next = smallest(timed.filter(({ slack, depth }) => slack === 0 && depth === 0));
  while (next !== undefined) {
    path.push(next);
    const { index, earliestFinish } = next;
    const following = Array.from(at(after, index), (later) => timed[later]).filter(
      (timing) => timing !== undefined && timing.slack === 0 && timing.earliestStart === earliestFinish,
    );
    next = smallest(following.filter((timing) => timing !== undefined));
  }
  return path;
};
