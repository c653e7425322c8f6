import { keyRingOf } from '../src/secrets/installation-keys.ts';
import { Refused, runCommand, WrongUsage } from '../src/upkeep/command.ts';
import { withPlaces } from '../src/upkeep/places.ts';
import { sampleOwner, samplePassword, seed } from '../src/upkeep/seed/seed.ts';
import { sizes } from '../src/upkeep/seed/sizes.ts';
import { readSettings } from '../src/settings.ts';

const known = Object.keys(sizes);

await runCommand({
  name: 'db:seed',
  what: `Adds an organization with people and rows of all domains, the same ids and texts in each run, beside what is there. Everybody in it
has a password that is known, so it refuses in production; and when the sample is there. All or nothing.
The owner's role must bypass row security.`,
  options: {
    size: {
      type: 'string',
      value: known.join('|'),
      what: 'demo has hundreds of rows, large more than 100,000.',
      required: true,
    },
  },
  run: ({ size: name }, terminal) => {
    const size = Object.entries(sizes).find(([each]) => each === name)?.[1];
    if (size === undefined) throw new WrongUsage(`--size must be one of ${known.join(', ')}.`);
    const settings = readSettings();
    if (settings.mode === 'production') throw new Refused('This is production, where no sample belongs.');
    const began = performance.now();
    return withPlaces(settings, async (places) => {
      const count = await seed(places, size, await keyRingOf(settings), terminal);
      terminal.say(
        `${count} rows in ${((performance.now() - began) / 1000).toFixed(1)} s. Sign in as ${sampleOwner} with ${samplePassword}`,
      );
      return true;
    });
  },
});
