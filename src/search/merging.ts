/**
 * One ranking of several, each of which stays in its own order: again and again, of those that stand first in what is left of each, the one that
 * fits best comes next, and of equal ones that of the earlier ranking. `fitOf` must mean the same in all of them; the rankings' own scores do
 * not where each is a share of what its own collection could give at best, so that first place in a poor one would count as much as in a rich one.
 */
export const merged = <Hit>(rankings: readonly (readonly Hit[])[], fitOf: (hit: Hit) => number): Hit[] => {
  const left = rankings.filter((ranking) => ranking.length > 0).map((hits) => ({ hits, at: 0 }));
  const all: Hit[] = [];
  for (;;) {
    let best: { readonly from: { at: number }; readonly hit: Hit; readonly fit: number } | null = null;
    for (const from of left) {
      const hit = from.hits[from.at];
      if (hit === undefined) continue;
      const fit = fitOf(hit);
      if (best === null || fit > best.fit) best = { from, hit, fit };
    }
    if (best === null) return all;
    best.from.at += 1;
    all.push(best.hit);
  }
};
